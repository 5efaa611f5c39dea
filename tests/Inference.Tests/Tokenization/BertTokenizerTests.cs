using System.Text.Json;
using ScoringService.Inference.Tokenization;

namespace ScoringService.Inference.Tests.Tokenization;

public sealed class BertTokenizerTests
{
    const int Unlimited = 100_000;

    static readonly BertTokenizer Tokenizer = BertTokenizer.Load(Golden.BaseModel);

    [Fact]
    public void Every_sample_response_gets_the_ids_of_another_tokenizer() => AssertSameAsAnother([.. Golden.Samples()]);

    [RealDataFact]
    public void Every_real_response_gets_the_ids_of_another_tokenizer()
    {
        var files = Directory.EnumerateFiles(RealData.PathOf("mind-ca"), "*.csv").Order(StringComparer.Ordinal).ToArray();

        AssertSameAsAnother([.. files.SelectMany(Golden.TextsOf)]);
    }

    [Fact]
    public void Hard_Unicode_gets_the_ids_of_the_reference()
    {
        var golden = Golden.Lines("hard.jsonl.gz").Select(line => (line[0].Text(), line[1].Ids())).ToList();

        Assert.True(golden.Count > 2_000);
        Assert.Empty(Differences(golden, Tokenizer));
    }

    [Theory]
    [InlineData("cased")]
    [InlineData("accented")]
    [InlineData("joined")]
    public void Normalization_options_do_what_they_do_in_the_reference(string name)
    {
        var tokenizer = new BertTokenizer(Vocabulary(), name switch
        {
            "cased" => new TokenizerOptions { LowerCase = false },
            "accented" => new TokenizerOptions { StripAccents = false },
            _ => new TokenizerOptions { SeparateIdeographs = false },
        });
        var golden = Golden.Lines("options.jsonl.gz")
            .Where(line => line[0].GetString() == name)
            .Select(line => (line[1].Text(), line[2].Ids())).ToList();

        Assert.Equal(400, golden.Count);
        Assert.Empty(Differences(golden, tokenizer));
    }

    [Fact]
    public void Pairs_are_cut_as_the_reference_cuts_them()
    {
        foreach (var line in Golden.Lines("pairs.jsonl.gz"))
        {
            var pair = Tokenizer.TokenizePair(line[0].Text(), line[1].Text(), line[2].GetInt32());

            Assert.Equal(line[3].Ids(), pair.Ids);
            Assert.Equal(line[4].Ids(), pair.TypeIds);
        }
    }

    [Fact]
    public void A_cut_text_keeps_the_ids_of_its_beginning()
    {
        foreach (var text in Golden.Lines("hard.jsonl.gz").Select(line => line[0].Text()).Where((_, i) => i % 7 == 0))
        {
            var whole = Tokenizer.Encode(text, Unlimited);
            for (var limit = 2; limit <= 40; limit++)
            {
                var ids = new int[limit];
                var cut = Tokenizer.Tokenize(text, ids);

                Assert.Equal(whole.Length > limit, cut.Truncated);
                Assert.Equal(whole.Length > limit ? [.. whole[..(limit - 1)], whole[^1]] : whole, ids[..cut.Tokens]);
                Assert.Equal(ids[..cut.Tokens], Tokenizer.Encode(text, limit));
            }
        }
    }

    [Fact]
    public void An_accent_does_not_make_a_word_unknown() => Assert.Equal([101, 7668, 102], Tokenizer.Encode("Café", 128));

    [Theory]
    [InlineData("")]
    [InlineData(" \t\r\n\u3000")]
    [InlineData("\u200b\u0301\0")]
    public void A_blank_text_is_two_tokens(string text)
    {
        var ids = new int[128];
        var response = Tokenizer.Tokenize(text, ids);

        Assert.Equal([101, 102], ids[..response.Tokens]);
        Assert.Equal((0, 0, 0.0), (response.Words, response.Unknown, response.UnknownFraction));
    }

    [Fact]
    public void Words_and_unknown_tokens_are_counted()
    {
        var ids = new int[128];
        var response = Tokenizer.Tokenize("He said: \u0f40\u0f41, warmly 😀!", ids);

        Assert.Equal(5, response.Words);
        Assert.Equal(2, response.Unknown);
        Assert.Equal(ids.Count(id => id == 100) / (double)(response.Tokens - 2), response.UnknownFraction);
    }

    [Fact]
    public void No_text_makes_it_throw()
    {
        var random = new Random(7);
        for (var n = 0; n < 2_000; n++)
        {
            var text = string.Create(random.Next(200), random, (chars, r) => { foreach (ref var c in chars) c = (char)r.Next(0x10000); });
            var ids = Tokenizer.Encode(text, 64);

            Assert.True(ids is [101, .., 102] && ids.Length <= 64, $"text {n} of seed 7");
        }
    }

    [Fact]
    public void A_vocabulary_in_tokenizer_json_alone_gives_the_same_ids()
    {
        var directory = Directory.CreateTempSubdirectory().FullName;
        File.WriteAllText(Path.Combine(directory, "tokenizer.json"), JsonSerializer.Serialize(new { model = new { type = "WordPiece", vocab = Vocabulary() } }));

        var tokenizer = BertTokenizer.Load(directory);

        Assert.Equal(Tokenizer.VocabularySize, tokenizer.VocabularySize);
        Assert.Equal(Tokenizer.Encode("Because it evaporatted! [MASK]", 64), tokenizer.Encode("Because it evaporatted! [MASK]", 64));
        Directory.Delete(directory, recursive: true);
    }

    [Theory]
    [InlineData("tokenizer.json", """{ "model": { "type": "BPE" } }""", "BPE")]
    [InlineData("tokenizer.json", """{ "normalizer": { "type": "NFC" } }""", "BertNormalizer")]
    [InlineData("tokenizer.json", """{ "added_tokens": [ { "content": "<x>", "id": 9, "lstrip": true } ] }""", "<x>")]
    [InlineData("tokenizer_config.json", "{ ", "tokenizer_config.json")]
    [InlineData("vocab.txt", "[UNK]\n[CLS]\nhe\nhe", "'he' twice, in line 3 and line 4")]
    [InlineData("vocab.txt", "[UNK]\n[CLS]\nhe", "[SEP]")]
    public void A_tokenizer_that_is_not_BERT_is_refused_by_name(string file, string content, string said)
    {
        var directory = Directory.CreateTempSubdirectory().FullName;
        File.WriteAllText(Path.Combine(directory, "vocab.txt"), "[UNK]\n[CLS]\n[SEP]\nhe");
        File.WriteAllText(Path.Combine(directory, file), content);

        Assert.Contains(said, Assert.Throws<InvalidDataException>(() => BertTokenizer.Load(directory)).Message, StringComparison.Ordinal);
        Directory.Delete(directory, recursive: true);
    }

    [Fact]
    public void A_directory_without_a_vocabulary_is_refused()
    {
        var directory = Directory.CreateTempSubdirectory().FullName;

        Assert.Contains("vocab.txt", Assert.Throws<FileNotFoundException>(() => BertTokenizer.Load(directory)).Message, StringComparison.Ordinal);
        Directory.Delete(directory);
    }

    static Dictionary<string, int> Vocabulary() =>
        File.ReadLines(Path.Combine(Golden.BaseModel, "vocab.txt")).Select((token, id) => (token, id)).ToDictionary(t => t.token, t => t.id);

    static void AssertSameAsAnother(string[] texts)
    {
        var other = new FastBertTokenizer.BertTokenizer();
        using var vocabulary = File.OpenText(Path.Combine(Golden.BaseModel, "vocab.txt"));
        other.LoadVocabulary(vocabulary, convertInputToLowercase: true);
        var expected = texts.Select(text => (text, Array.ConvertAll(other.Encode(text, 512).InputIds.ToArray(), id => (int)id)));

        Assert.True(texts.Length > 900, $"{texts.Length} texts");
        Assert.Empty(Differences(expected, Tokenizer));
    }

    static List<string> Differences(IEnumerable<(string Text, int[] Ids)> golden, BertTokenizer tokenizer) =>
    [
        .. golden.Select(g => (g.Text, Expected: g.Ids, Actual: tokenizer.Encode(g.Text, Unlimited)))
            .Where(g => !g.Expected.AsSpan().SequenceEqual(g.Actual))
            .Select(g => $"'{g.Text}': [{string.Join(',', g.Expected)}] but got [{string.Join(',', g.Actual)}]"),
    ];
}
