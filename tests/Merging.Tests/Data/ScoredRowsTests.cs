using System.Text;
using ScoringService.Inference.Scoring;
using ScoringService.Merging.Data;

namespace ScoringService.Merging.Tests.Data;

/// <summary>Files in the layouts that people already have.</summary>
public sealed class ScoredRowsTests
{
    const string Asap = "Id\tEssaySet\tScore1\tScore2\tEssayText\r\n1\t1\t1\t2\tIt \"melts\"\r\n2\t1\t0\t\t\"He said \"\"no\"\"\"\r\n3\t2\t3\t3\twith\ta tab\r\n";

    const string SemEval = """
        <question id="HB_1" module="HB">
          <questionText>Why is it dark?</questionText>
          <referenceAnswers>
            <referenceAnswer id="a" category="GOOD">no lamp</referenceAnswer>
            <referenceAnswer id="b" category="BEST">There is no light.</referenceAnswer>
          </referenceAnswers>
          <studentAnswers>
            <studentAnswer id="s1" accuracy="correct">no light</studentAnswer>
            <studentAnswer id="s2" accuracy="contradictory">too much light</studentAnswer>
          </studentAnswers>
        </question>
        """;

    [Fact]
    public void Essay_sets_of_a_table_become_items_with_both_scores()
    {
        var items = Items(DataFormat.AsapSas, Encoding.UTF8.GetBytes(Asap));

        Assert.Equal(["ASAP_1", "ASAP_2"], items.Select(item => item.Item.Id));
        Assert.Equal<string>(["0", "1", "2"], items[0].Item.Labels);
        Assert.Equal(["It \"melts\"", "He said \"no\""], items[0].Responses.Select(response => response.Text));
        Assert.Equal(1, items[0].Responses[0].Class);
        Assert.Equal<bool>([false, false, true], items[0].Responses[0].SecondLabels!.Value);
        Assert.Null(items[0].Responses[1].SecondLabels);
        Assert.Equal("with\ta tab", items[1].Responses[0].Text);
    }

    [Fact]
    public void A_table_in_the_encoding_of_old_Windows_is_read_too()
    {
        var bytes = Encoding.Latin1.GetBytes("Id\tEssaySet\tScore1\tScore2\tEssayText\n1\t1\t1\t0\tcaf\u00e9 \u0092s\n");

        Assert.Equal("café ’s", Items(DataFormat.AsapSas, bytes)[0].Responses[0].Text);
    }

    [Fact]
    public void A_row_that_a_line_break_tore_apart_is_named()
    {
        var torn = Encoding.UTF8.GetBytes(Asap + "4\t2\t1\n");

        var error = Assert.Throws<ItemDataException>(() => ScoredRows.Read(DataFormat.AsapSas, "train.tsv", torn));

        Assert.Contains("train.tsv has 1 errors; the first: line 5: The row has 3 fields instead of 5", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_question_of_SemEval_brings_its_text_its_best_answer_and_the_judgements_of_its_task()
    {
        var item = Assert.Single(Items(DataFormat.SemEval2013, Encoding.UTF8.GetBytes(SemEval)));

        Assert.Equal(("HB_1", "Why is it dark?", "There is no light."), (item.Item.Id, item.Item.Prompt, item.Item.ReferenceAnswer));
        Assert.Equal<string>(["contradictory", "incorrect", "correct"], item.Item.Labels);
        Assert.Equal([2, 0], item.Responses.Select(response => response.Class));
    }

    [Theory]
    [InlineData("correct", "incorrect", 2)]
    [InlineData("contradictory", "incorrect", 3)]
    [InlineData("irrelevant", "partially_correct_incomplete", 5)]
    public void The_task_is_told_by_the_judgements_that_occur(string first, string second, int labels)
    {
        var xml = $"""
            <question id="q">
              <studentAnswer id="1" accuracy="{first}">yes</studentAnswer>
              <studentAnswer id="2" accuracy="{second}">no</studentAnswer>
            </question>
            """;

        Assert.Equal(labels, Items(DataFormat.SemEval2013, Encoding.UTF8.GetBytes(xml))[0].Item.Labels.Length);
    }

    [Theory]
    [InlineData("<!DOCTYPE q [<!ENTITY a \"b\">]><question id=\"x\"/>", "without a DTD")]
    [InlineData("<question", "not XML")]
    [InlineData("<question id=\"x\"/>", "no scored response")]
    [InlineData("<question id=\"x\"><studentAnswer id=\"1\" accuracy=\"great\">y</studentAnswer></question>", "'great' is no judgement")]
    public void A_document_that_is_none_is_refused(string xml, string expected)
    {
        var error = Assert.Throws<ItemDataException>(() => ScoredRows.Read(DataFormat.SemEval2013, "q.xml", Encoding.UTF8.GetBytes(xml)));

        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_wide_table_of_MIND_CA_gives_an_item_a_question_and_leaves_out_who_was_not_asked()
    {
        const string Csv = "ID,SFQuestion_1_Text,SFQ1_Rating,SS_X_Text,SS_X_Rating\nc1,\"so, yes\",2,no,0\nc2,,,maybe,1\n";

        var items = Items(DataFormat.MindCa, Encoding.UTF8.GetBytes(Csv));

        Assert.Equal(["SFQuestion_1", "SS_X"], items.Select(item => item.Item.Id));
        Assert.Equal(("c1", "so, yes"), (items[0].Responses.Single().Id, items[0].Responses.Single().Text));
        Assert.Equal(2, items[1].Responses.Length);
    }

    [Fact]
    public void A_file_of_one_MIND_CA_question_is_named_after_it()
    {
        var rows = ScoredRows.Read(DataFormat.MindCa, "SS_X_Text.csv", Encoding.UTF8.GetBytes("Child_ID,Answer,Score\n7,yes,1\n8,no,0\n"));

        Assert.Equal("SS_X", Assert.Single(rows.ToItems("SS_X_Text.csv")).Item.Id);
    }

    [Fact]
    public void An_answer_without_its_rating_is_refused()
    {
        var error = Assert.Throws<ItemDataException>(() =>
            ScoredRows.Read(DataFormat.MindCa, "all.csv", Encoding.UTF8.GetBytes("ID,SS_X_Text,SS_X_Rating\nc1,yes,\n")));

        Assert.Contains("line 2, column 'SS_X_Rating': The answer has no rating", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void For_an_item_that_is_defined_its_own_rows_are_taken_and_its_own_scale_holds()
    {
        var rows = ScoredRows.Read(DataFormat.AsapSas, "train.tsv", Encoding.UTF8.GetBytes(Asap));
        var item = new Item { Id = "ASAP_1", Scoring = ScoringKind.MultiClass, Labels = ["none", "some", "all"], Points = [0, 1, 2] };

        Assert.Equal([1, 0], rows.ToResponses(item).Rows.Select(response => response.Class));
        Assert.Contains("No row answers 'other'. The file holds ASAP_1, ASAP_2", rows.ToResponses(item with { Id = "other" }).Errors.First[0].Reason, StringComparison.Ordinal);
    }

    static System.Collections.Immutable.ImmutableArray<ItemResponses> Items(DataFormat format, byte[] content) =>
        ScoredRows.Read(format, "file", content).ToItems("file");
}
