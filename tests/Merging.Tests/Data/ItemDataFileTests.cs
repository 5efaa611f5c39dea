using ScoringService.Inference.Scoring;
using ScoringService.Merging.Data;

namespace ScoringService.Merging.Tests.Data;

public sealed class ItemDataFileTests : IDisposable
{
    static readonly string Samples = Path.Combine(AppContext.BaseDirectory, "samples", "science");

    readonly string _directory = Directory.CreateTempSubdirectory("items-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void The_samples_are_four_score_scales_and_two_rubrics_as_their_definitions_say()
    {
        var items = ItemDataFile.ReadDirectory(Samples);

        Assert.Equal(6, items.Length);
        Assert.Equal(["SC_FairTest", "SC_Pond"], items.Where(data => data.Item.Scoring == ScoringKind.MultiLabel).Select(data => data.Item.Id));
        Assert.All(items, data =>
        {
            Assert.All([data.Item.Title, data.Item.Prompt, data.Item.ReferenceAnswer, data.Item.Rubric], text => Assert.NotEmpty(text));
            Assert.Equal((int)Math.Round((data.Train.Length + data.Validation.Length) / 10.0), data.Validation.Length);
        });
        Assert.Equal<double>([0, 1, 2, 3], items.Single(data => data.Item.Id == "SC_Circuit").Item.Points);
    }

    public static TheoryData<string> SampleItems => [.. Directory.EnumerateFiles(Samples, "*.csv").Select(file => Path.GetFileNameWithoutExtension(file))];

    [Theory]
    [MemberData(nameof(SampleItems))]
    public void A_sample_is_large_and_varied_enough_to_learn_from(string item)
    {
        var data = ItemDataFile.ReadAsWritten(Path.Combine(Samples, $"{item}.csv"));
        LabelledResponse[] all = [.. data.Train, .. data.Test];
        var twice = all.Where(response => response.SecondLabels is not null).ToArray();
        var differently = twice.Count(response => !response.SecondLabels!.Value.AsSpan().SequenceEqual(response.Labels.AsSpan()));

        Assert.True(all.Length >= 160, $"{all.Length} responses");
        Assert.All([data.Train, data.Test], split => Assert.All(data.Item.Labels.Select((_, label) => label), label =>
            Assert.InRange(split.Average(response => response.Labels[label] ? 1.0 : 0), .1, .7)));
        Assert.InRange((double)twice.Length / all.Length, .09, .12);
        Assert.InRange((double)differently / twice.Length, .1, .5);
        Assert.All(all.Index(), response => Assert.All(all[..response.Index], other =>
            Assert.True(Likeness(response.Item.Text, other.Text) < .8, $"'{response.Item.Text}' and '{other.Text}'")));
    }

    [Fact]
    public void A_file_is_read_as_written_in_its_own_order()
    {
        var data = ItemDataFile.ReadAsWritten(Path.Combine(Samples, "SC_Moon.csv"));

        Assert.Equal((115, 0, 49), (data.Train.Length, data.Validation.Length, data.Test.Length));
        var rows = data.Train.Select(row => int.Parse(row.Id.Split('-')[1], provider: null)).ToArray();
        Assert.Equal(rows.Order(), rows);
    }

    [Fact]
    public void A_second_persons_scores_are_kept_where_there_are_any()
    {
        var scale = ItemDataFile.Read(Write("scale", "id,split,item,score,score2,text\na,train,scale,0,1,x\nb,train,scale,1,,y\nc,test,scale,1,1,z\n"));
        var rubric = ItemDataFile.Read(Write("rubric", "id,split,item,heat,gas,heat2,gas2,text\na,train,rubric,1,0,1,1,x\nb,test,rubric,0,1,,,y\n"));

        Assert.Equal<string>(["0", "1"], scale.Item.Labels);
        Assert.Equal<bool>([false, true], scale.Train.Single(response => response.Id == "a").SecondLabels!.Value);
        Assert.Null(scale.Train.SingleOrDefault(response => response.Id == "b")?.SecondLabels);
        Assert.Equal<string>(["heat", "gas"], rubric.Item.Labels);
        Assert.Equal<bool>([true, true], rubric.Train[0].SecondLabels!.Value);
        Assert.Null(rubric.Test[0].SecondLabels);
    }

    [Fact]
    public void A_second_score_that_is_none_is_named_with_its_column()
    {
        var file = Write("rubric", "id,split,item,heat,gas,heat2,gas2,text\na,train,rubric,1,0,1,maybe,x\n");

        var error = Assert.Throws<ItemDataException>(() => ItemDataFile.Read(file));

        Assert.Contains("line 2, column 'gas2': A label is 0 or 1", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_definition_beside_the_file_gives_the_item_its_scale_and_texts()
    {
        var file = Write("item", "id,split,item,score,text\na,train,item,1,x\nb,train,item,0,y\n");
        File.WriteAllText(Path.ChangeExtension(file, ".json"),
            """{"title":"T","prompt":"P","referenceAnswer":"A","rubric":"R","scoring":"multi-class","labels":["0","1","2"],"points":[0,1,2]}""");

        var item = ItemDataFile.ReadAsWritten(file).Item;

        Assert.Equal(("T", "P", "A", "R"), (item.Title, item.Prompt, item.ReferenceAnswer, item.Rubric));
        Assert.Equal<string>(["0", "1", "2"], item.Labels);
    }

    [Theory]
    [InlineData("{", "item.json is no definition of an item")]
    [InlineData("""{"title":"T","prompt":"P","referenceAnswer":"A","rubric":"R","scoring":"multi-class","labels":["0"],"points":[0,1]}""", "1 labels and 2 points")]
    [InlineData("""{"title":"T","prompt":"P","referenceAnswer":"A","rubric":"R","scoring":"multi-label","labels":["0"],"points":[1]}""", "another kind of item")]
    public void A_definition_that_does_not_fit_is_refused(string json, string expected)
    {
        var file = Write("item", "id,split,item,score,text\na,train,item,1,x\nb,train,item,0,y\n");
        File.WriteAllText(Path.ChangeExtension(file, ".json"), json);

        Assert.Contains(expected, Assert.Throws<ItemDataException>(() => ItemDataFile.Read(file)).Message, StringComparison.Ordinal);
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
        var data = ItemDataFile.Read(Write("item", "id,split,item,heat,lie,text\na,train,item,1,0,x\nb,validation,item,0,0,y\nc,test,item,1,1,z\n"));

        Assert.Equal((ScoringKind.MultiLabel, 2.0), (data.Item.Scoring, data.Item.Maximum));
        Assert.Equal<string>(["heat", "lie"], data.Item.Labels);
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

    // Shared words of all words; texts of up to three words only must differ.
    static double Likeness(string left, string right)
    {
        var (a, b) = (Words(left), Words(right));
        if (Math.Min(a.Count, b.Count) <= 3)
            return string.Equals(left, right, StringComparison.OrdinalIgnoreCase) ? 1 : 0;
        return (double)a.Intersect(b).Count() / a.Union(b).Count();
    }

    static HashSet<string> Words(string text) =>
        [.. text.ToLowerInvariant().Split([' ', ',', '.', '!', '?', ';', ':'], StringSplitOptions.RemoveEmptyEntries)];
}
