using ScoringService.Inference.Scoring;
using ScoringService.Merging.Data;

namespace ScoringService.Merging.Tests.Data;

public sealed class ItemDataFileTests : IDisposable
{
    readonly string _directory = Directory.CreateTempSubdirectory("items-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void The_sample_data_are_eleven_score_scales_with_a_tenth_set_aside()
    {
        var items = ItemDataFile.ReadDirectory(Path.Combine(AppContext.BaseDirectory, "samples", "mind-ca"));

        Assert.Equal(11, items.Length);
        Assert.All(items, data =>
        {
            Assert.Equal(ScoringKind.MultiClass, data.Item.Scoring);
            Assert.Equal<string>(["0", "1", "2"], data.Item.Labels);
            Assert.Equal<double>([0, 1, 2], data.Item.Points);
            Assert.Equal((int)Math.Round((data.Train.Length + data.Validation.Length) / 10.0), data.Validation.Length);
        });
        var brian = items.Single(data => data.Item.Id == "SS_Brian");
        Assert.Equal((758, 84, 195), (brian.Train.Length, brian.Validation.Length, brian.Test.Length));
        Assert.Equal(("SS_Brian-1", "Because he is greedy !", 1), (brian.Test[0].Id, brian.Test[0].Text, brian.Test[0].Class));
    }

    [Fact]
    public void A_file_is_read_as_written_in_its_own_order()
    {
        var data = ItemDataFile.ReadAsWritten(Path.Combine(AppContext.BaseDirectory, "samples", "mind-ca", "SS_Peabody.csv"));

        Assert.Equal((842, 0, 194), (data.Train.Length, data.Validation.Length, data.Test.Length));
        var rows = data.Train.Select(row => int.Parse(row.Id.Split('-')[1], provider: null)).ToArray();
        Assert.Equal(rows.Order(), rows);
    }

    [Fact]
    public void Scores_are_sorted_as_numbers()
    {
        var item =
            ItemDataFile.ReadAsWritten(Write("item", "id,split,item,score,text\na,train,item,10,x\nb,train,item,2.5,y\nc,test,item,-1,z\n")).Item;

        Assert.Equal<string>(["-1", "2.5", "10"], item.Labels);
        Assert.Equal<double>([-1, 2.5, 10], item.Points);
    }

    [Fact]
    public void Columns_beside_the_known_ones_are_labels()
    {
        var data = ItemDataFile.Read(Write("item", "id,split,item,greed,lie,text\na,train,item,1,0,x\nb,validation,item,0,0,y\nc,test,item,1,1,z\n"));

        Assert.Equal((ScoringKind.MultiLabel, 2.0), (data.Item.Scoring, data.Item.Maximum));
        Assert.Equal<string>(["greed", "lie"], data.Item.Labels);
        Assert.Equal<bool>([false, false], Assert.Single(data.Validation).Labels);
    }

    [Theory]
    [InlineData("id,item,score,text\na,item,1,x\n", "line 1, column 'split'")]
    [InlineData("id,split,item,text\na,train,item,x\n", "neither a column 'score'")]
    [InlineData("id,split,item,score,lie,text\na,train,item,1,1,x\n", "Beside 'score' there is lie")]
    [InlineData("id,split,item,score,text\na,train,item,1,x\nb,dev,item,2,y\n", "line 3, column 'split': There is no such split.")]
    [InlineData("id,split,item,score,text\na,train,item,1,x\nb,train,other,2,y\n", "belongs to 'other'")]
    [InlineData("id,split,item,score,text\na,train,item,1,x\nb,train,item,high,y\n", "line 3, column 'score'")]
    [InlineData("id,split,item,score,text\na,train,item,1,x\nb,train,item,1,y\n", "two different scores")]
    [InlineData("id,split,item,score,text\na,test,item,1,x\nb,test,item,2,y\n", "No row belongs to the split 'train'")]
    public void What_is_wrong_with_a_file_is_told_with_its_name(string csv, string reason)
    {
        var file = Write("item", csv);
        var error = Assert.Throws<ItemDataException>(() => ItemDataFile.Read(file));
        Assert.Contains(file, error.Message, StringComparison.Ordinal);
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_directory_without_data_is_refused() => Assert.Throws<ItemDataException>(() => ItemDataFile.ReadDirectory(_directory));

    string Write(string item, string csv)
    {
        var file = Path.Combine(_directory, $"{item}.csv");
        File.WriteAllText(file, csv);
        return file;
    }
}
