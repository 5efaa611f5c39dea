using System.Collections.Immutable;
using System.Text.Json;
using ScoringService.Inference.Scoring;
using ScoringService.Merging.Planning;

namespace ScoringService.Merging.Tests.Planning;

public sealed class SimilarityRaterTests
{
    readonly List<LanguageModelQuestion> questions = [];

    [Fact]
    public async Task Ratings_become_a_symmetric_matrix_with_ones_on_the_diagonal()
    {
        var rated = await Rate(Items(3), _ =>
            """{"ratings":[{"a":2,"b":1,"similarity":0.1},{"a":1,"b":3,"similarity":0},{"a":2,"b":3,"similarity":1}]}""");

        Assert.Equal<double>([1, .1, 0], rated.Similarity[0]);
        Assert.Equal<double>([.1, 1, 1], rated.Similarity[1]);
        Assert.Equal<double>([0, 1, 1], rated.Similarity[2]);
    }

    [Fact]
    public async Task The_question_holds_titles_prompts_and_points_and_no_ids()
    {
        await Rate(Items(2), RateAll);

        var question = Assert.Single(questions);
        var text = JsonElement.Parse(question.Text);
        var first = text.GetProperty("questions")[0];
        Assert.Equal(1, first.GetProperty("number").GetInt32());
        Assert.Equal("Title 0", first.GetProperty("title").GetString());
        Assert.Equal("Warum lügt er? 0", first.GetProperty("prompt").GetString());
        Assert.Equal("""[{"label":"no","points":0},{"label":"yes","points":2}]""", first.GetProperty("labels").GetRawText());
        Assert.Equal("[[1,2]]", text.GetProperty("pairs").GetRawText());
        Assert.Contains("Warum lügt er?", question.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("secret-id", question.Text + question.Instructions, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_was_asked_and_answered_is_kept_word_for_word()
    {
        const string Answer = """ {"ratings":[{"a":1,"b":2,"similarity":0.30}]} """;

        var provenance = (await Rate(Items(2), _ => Answer)).Provenance;

        Assert.Equal(("host:1", "o1"), (provenance.Host, provenance.Model));
        var exchange = Assert.Single(provenance.Exchanges);
        Assert.Equal(Answer, exchange.Answer);
        Assert.Equal(questions[0].Text, exchange.Question);
        Assert.Equal(questions[0].Instructions, exchange.Instructions);
        Assert.Equal("o1-2024", exchange.AnsweredBy);
    }

    [Fact]
    public async Task Many_items_are_asked_about_in_several_questions_of_bounded_size()
    {
        var items = Items(30);

        var rated = await Rate(items, RateAll);

        Assert.Equal(3, questions.Count);
        var asked = questions.SelectMany(question => JsonElement.Parse(question.Text).GetProperty("pairs").EnumerateArray())
            .Select(pair => (pair[0].GetInt32(), pair[1].GetInt32())).ToArray();
        Assert.Equal(30 * 29 / 2, asked.Distinct().Count());
        Assert.Equal(asked.Length, asked.Distinct().Count());
        Assert.All(questions, question =>
        {
            var text = JsonElement.Parse(question.Text);
            var pairs = text.GetProperty("pairs").EnumerateArray().ToArray();
            Assert.InRange(pairs.Length, 1, SimilarityRater.PairsPerQuestion);
            Assert.Equal(
                pairs.SelectMany(pair => new[] { pair[0].GetInt32(), pair[1].GetInt32() }).Distinct().Order(),
                text.GetProperty("questions").EnumerateArray().Select(item => item.GetProperty("number").GetInt32()));
        });
        Assert.Equal(Value(4, 27), rated.Similarity[26][3]);
        Assert.Empty(SimilarityRules.Breaches(rated.Similarity, [.. items.Select(item => item.Id)]));
    }

    [Fact]
    public async Task One_item_needs_no_question()
    {
        Assert.Equal<double>([1], Assert.Single((await Rate(Items(1), RateAll)).Similarity));
        Assert.Empty(questions);
    }

    [Fact]
    public async Task A_model_that_errs_once_is_asked_again()
    {
        var attempts = 0;

        await Rate(Items(3), question => attempts++ == 0 ? "Sure! Here you go:" : RateAll(question));

        Assert.Equal(2, questions.Count);
    }

    [Theory]
    [InlineData("", "not the JSON")]
    [InlineData("null", "no ratings")]
    [InlineData("{}", "not the JSON")]
    [InlineData("""{"ratings":null}""", "not the JSON")]
    [InlineData("""{"ratings":[null]}""", "not the JSON")]
    [InlineData("""{"ratings":[{"a":1,"b":2,"similarity":0.5}""", "not the JSON")]
    [InlineData("""{"ratings":[{"a":1,"b":2,"similarity":"0.5"}]}""", "not the JSON")]
    [InlineData("""{"ratings":[{"a":1,"b":2,"similarity":NaN}]}""", "not the JSON")]
    [InlineData("""{"ratings":[{"a":1,"b":2}]}""", "not the JSON")]
    [InlineData("""{"ratings":[{"a":1,"b":2,"similarity":0.5,"why":"alike"}]}""", "not the JSON")]
    [InlineData("""{"ratings":[{"a":1,"b":2,"similarity":0.5,"similarity":0.6}]}""", "not the JSON")]
    [InlineData("""{"ratings":[{"a":1,"b":2,"similarity":0.5}],"note":""}""", "not the JSON")]
    [InlineData("""```json {"ratings":[{"a":1,"b":2,"similarity":0.5}]}```""", "not the JSON")]
    [InlineData("""{"ratings":[]}""", "1 of 1 pairs are missing")]
    [InlineData("""{"ratings":[{"a":1,"b":2,"similarity":1.01}]}""", "1.01, not between 0 and 1")]
    [InlineData("""{"ratings":[{"a":1,"b":2,"similarity":-0.1}]}""", "-0.1, not between 0 and 1")]
    [InlineData("""{"ratings":[{"a":1,"b":2,"similarity":1e400}]}""", "not between 0 and 1")]
    [InlineData("""{"ratings":[{"a":1,"b":3,"similarity":0.5}]}""", "1 and 3")]
    [InlineData("""{"ratings":[{"a":1,"b":1,"similarity":0.5}]}""", "1 and 1")]
    [InlineData("""{"ratings":[{"a":1,"b":2,"similarity":0.5},{"a":2,"b":1,"similarity":0.5}]}""", "stands there twice")]
    [InlineData("""{"ratings":[{"a":"Title 0","b":"Title 1","similarity":0.5}]}""", "not the JSON")]
    public async Task An_answer_that_is_not_what_was_asked_for_is_refused(string answer, string reason)
    {
        var refusal = await Assert.ThrowsAsync<SimilarityRatingException>(() => Rate(Items(2), _ => answer));

        Assert.Contains(reason, refusal.Message, StringComparison.Ordinal);
        Assert.Contains("LanguageModel:Model", refusal.Message, StringComparison.Ordinal);
        Assert.Equal(3, questions.Count);
    }

    Task<RatedSimilarities> Rate(ImmutableArray<Item> items, Func<LanguageModelQuestion, string> answer) =>
        new SimilarityRater(new("host:1", "o1", (question, _) =>
        {
            questions.Add(question);
            return Task.FromResult(new LanguageModelAnswer("o1-2024", answer(question)));
        })).Rate(items, default);

    static string RateAll(LanguageModelQuestion question)
    {
        var pairs = JsonElement.Parse(question.Text).GetProperty("pairs").EnumerateArray()
            .Select(pair => (A: pair[0].GetInt32(), B: pair[1].GetInt32()));
        return JsonSerializer.Serialize(new { ratings = pairs.Select(pair => new { a = pair.A, b = pair.B, similarity = Value(pair.A, pair.B) }) });
    }

    static double Value(int a, int b) => ((a * 31) + b) % 11 / 10.0;

    static ImmutableArray<Item> Items(int count) => [.. Enumerable.Range(0, count).Select(i => new Item
    {
        Id = $"secret-id-{i}",
        Title = $"Title {i}",
        Prompt = $"Warum lügt er? {i}",
        Scoring = ScoringKind.MultiClass,
        Labels = ["no", "yes"],
        Points = [0, 2],
    })];
}
