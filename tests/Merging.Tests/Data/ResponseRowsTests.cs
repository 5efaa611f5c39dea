using System.Text;
using ScoringService.Inference.Scoring;
using ScoringService.Merging.Data;

namespace ScoringService.Merging.Tests.Data;

public sealed class ResponseRowsTests
{
    static readonly Item Scale = new() { Id = "scale", Scoring = ScoringKind.MultiClass, Labels = ["0", "1", "2"], Points = [0, 1, 2] };
    static readonly Item Rubric = new() { Id = "rubric", Scoring = ScoringKind.MultiLabel, Labels = ["heat", "lie"], Points = [1, 1] };

    [Fact]
    public async Task Csv_is_read_with_quotes_line_breaks_and_columns_in_any_order()
    {
        var rows = await Csv(Scale, "\uFEFFscore,text,id\r\n1,\"He said \"\"no\"\",\r\nthen left\",a\r\n\r\n2.0,,b\r\n");

        Assert.Equal(0, rows.Errors.Count);
        Assert.Equal([("a", "He said \"no\",\r\nthen left", 1), ("b", "", 2)], rows.Rows.Select(row => (row.Id, row.Text, row.Class)));
    }

    [Fact]
    public async Task Csv_of_a_rubric_has_a_column_for_each_label()
    {
        var rows = await Csv(Rubric, "id,text,heat,lie\na,x,1,0\nb,y,1,1\n");

        Assert.Equal<bool>([true, false], rows.Rows[0].Labels);
        Assert.Equal<bool>([true, true], rows.Rows[1].Labels);
    }

    [Fact]
    public async Task Ndjson_is_read_with_numbers_strings_and_truth_values()
    {
        var scale = await Ndjson(Scale, "{\"id\":\"a\",\"text\":\"x\",\"score\":1}\n\n{\"score\":\"2\",\"id\":\"b\",\"text\":\"y\\u00e9\"}\r\n");
        var rubric = await Ndjson(Rubric, "{\"id\":\"a\",\"text\":\"x\",\"heat\":true,\"lie\":0}");

        Assert.Equal([("a", "x", 1), ("b", "yé", 2)], scale.Rows.Select(row => (row.Id, row.Text, row.Class)));
        Assert.Equal<bool>([true, false], Assert.Single(rubric.Rows).Labels);
    }

    [Theory]
    [InlineData("", 1, null, "no header")]
    [InlineData("id,text,score\n", 1, null, "no row")]
    [InlineData("id,text\na,x\n", 1, "score", "missing. Expected: id, text, score")]
    [InlineData("id,text,score,age\na,x,1,9\n", 1, "age", "no column 'age'")]
    [InlineData("id,text,text,score\na,x,x,1\n", 1, "text", "twice")]
    [InlineData("id,text,score\na,x,1\na,y,1\n", 3, "id", "'a' is there twice")]
    [InlineData("id,text,score\n,x,1\n", 2, "id", "missing")]
    [InlineData("id,text,score\na,x,3\n", 2, "score", "Allowed: 0, 1, 2")]
    [InlineData("id,text,score\na,x,NaN\n", 2, "score", "Allowed: 0, 1, 2")]
    [InlineData("id,text,score\na,x\n", 2, null, "not as many fields")]
    [InlineData("id,text,score\n\"a\n\",x,1\n", 2, "id", "control")]
    [InlineData("id,text,score\na,x\0y,1\n", 2, "text", "NUL")]
    [InlineData("id,text,score\na,\"x\ny\",1\nb,x\"y\"z,1\n", 4, null, "quote")]
    [InlineData("id,text,score\na,x,1\nb,\"never closed,1\nc,y,1\n", 3, null, "never closed")]
    public async Task What_is_wrong_with_a_csv_is_told_by_line_and_column(string csv, long line, string? column, string reason)
    {
        var error = Assert.Single((await Csv(Scale, csv)).Errors.First);
        Assert.Equal((line, column), (error.Line, error.Column));
        Assert.Contains(reason, error.Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", 1, null, "no row")]
    [InlineData("[1]", 1, null, "JSON object")]
    [InlineData("null", 1, null, "JSON object")]
    [InlineData("{\"id\":\"a\",\"text\":\"x\",\"score\":1}\n{", 2, null, "JSON object")]
    [InlineData("{\"id\":\"a\",\"text\":\"x\"}", 1, "score", "missing")]
    [InlineData("{\"id\":\"a\",\"text\":null,\"score\":1}", 1, "text", "missing")]
    [InlineData("{\"id\":\"a\",\"text\":\"\\u0000\",\"score\":1}", 1, "text", "NUL")]
    [InlineData("{\"id\":\"a\",\"text\":\"\\ud800\",\"score\":1}", 1, null, "JSON object")]
    [InlineData("{\"\\ud800\":\"a\"}", 1, null, "JSON object")]
    [InlineData("{\"id\":\"a\",\"text\":\"x\",\"score\":[1]}", 1, "score", "Allowed: 0, 1, 2")]
    [InlineData("{\"id\":\"a\",\"text\":\"x\",\"score\":1,\"age\":9}", 1, "age", "no column 'age'")]
    public async Task What_is_wrong_with_ndjson_is_told_by_line_and_column(string json, long line, string? column, string reason)
    {
        var error = Assert.Single((await Ndjson(Scale, json)).Errors.First);
        Assert.Equal((line, column), (error.Line, error.Column));
        Assert.Contains(reason, error.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Invalid_utf8_is_an_error_with_its_line()
    {
        byte[] csv = [.. "id,text,score\na,x,1\nb,"u8, 0xff, 0xfe, .. ",1\n"u8];
        byte[] json = [.. "{\"id\":\"a\",\"text\":\""u8, 0xc3, 0x28, .. "\",\"score\":1}"u8];

        Assert.Equal(3, Assert.Single((await ResponseRows.ReadCsvAsync(new MemoryStream(csv), Scale)).Errors.First).Line);
        Assert.Equal(1, Assert.Single((await ResponseRows.ReadNdjsonAsync(new MemoryStream(json), Scale)).Errors.First).Line);
    }

    [Fact]
    public async Task The_first_twenty_errors_are_shown_and_all_are_counted()
    {
        var rows = await Csv(Scale, "id,text,score\n" + string.Concat(Enumerable.Range(0, 50).Select(i => $"r{i},x,9\n")) + "good,x,1\n");

        Assert.Equal((20, 50), (rows.Errors.First.Length, rows.Errors.Count));
        Assert.Equal("good", Assert.Single(rows.Rows).Id);
    }

    [Fact]
    public async Task A_text_may_be_20000_characters_long_and_no_longer()
    {
        var allowed = await Csv(Scale, $"id,text,score\na,{new string('x', 20_000)},1\n");
        var huge = await Csv(Scale, $"id,text,score\na,{new string('x', 20_001)},1\nb,{new string('y', 2_000_000)},1\n");

        Assert.Equal(0, allowed.Errors.Count);
        Assert.Equal(["text", "text"], huge.Errors.First.Select(error => error.Column));
    }

    [Fact]
    public async Task Whatever_the_bytes_are_there_are_rows_or_errors_and_no_exception()
    {
        for (var seed = 0; seed < 400; seed++)
        {
            var random = new Random(seed);
            var bytes = "id,text,score\na,\"b\",1\n{\"id\":\"a\",\"text\":\"x\",\"score\":1}\n"u8.ToArray();
            for (var change = random.Next(1, 10); change > 0; change--)
                bytes[random.Next(bytes.Length)] = (byte)(random.Next(2) == 0 ? random.Next(256) : "\",\n\r\0{}[]\\"[random.Next(10)]);

            var csv = await ResponseRows.ReadCsvAsync(new MemoryStream(bytes), Scale);
            var json = await ResponseRows.ReadNdjsonAsync(new MemoryStream(bytes), Rubric);

            Assert.True(csv.Rows.Length + csv.Errors.Count > 0 && json.Rows.Length + json.Errors.Count > 0, $"seed {seed}");
        }
    }

    static Task<ResponseRows> Csv(Item item, string text) => ResponseRows.ReadCsvAsync(new MemoryStream(Encoding.UTF8.GetBytes(text)), item);

    static Task<ResponseRows> Ndjson(Item item, string text) => ResponseRows.ReadNdjsonAsync(new MemoryStream(Encoding.UTF8.GetBytes(text)), item);
}
