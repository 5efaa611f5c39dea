using System.Text.Json;
using System.Text.Json.Serialization;

namespace ScoringService.Inference.Tokenization;

/// <summary>Reads tokenizers in Hugging Face layout.</summary>
static class TokenizerFiles
{
    const string VocabularyFile = "vocab.txt";
    const string TokenizerFile = "tokenizer.json";
    const string ConfigFile = "tokenizer_config.json";

    public static BertTokenizer Read(string directory)
    {
        var whole = ReadJson<TokenizerJson>(directory, TokenizerFile);
        var config = ReadJson<ConfigJson>(directory, ConfigFile);
        Validate(whole, Path.Combine(directory, TokenizerFile));

        var vocabulary = ReadVocabulary(directory, whole);
        var normalizer = whole?.Normalizer;
        var defaults = new TokenizerOptions();
        var options = new TokenizerOptions
        {
            LowerCase = config?.LowerCase ?? normalizer?.LowerCase ?? defaults.LowerCase,
            StripAccents = config?.StripAccents ?? normalizer?.StripAccents,
            SeparateIdeographs = config?.SeparateIdeographs ?? normalizer?.SeparateIdeographs ?? defaults.SeparateIdeographs,
        };
        return new BertTokenizer(vocabulary, options, whole?.AddedTokens?.Select(token => token.Content));
    }

    static Dictionary<string, int> ReadVocabulary(string directory, TokenizerJson? whole)
    {
        var file = Path.Combine(directory, VocabularyFile);
        var vocabulary = File.Exists(file) ? ReadLines(file) : whole?.Model?.Vocabulary;
        if (vocabulary is null)
        {
            throw new FileNotFoundException(
                $"{directory} has neither {VocabularyFile} nor a {TokenizerFile} with a vocabulary: copy one from the checkpoint.");
        }
        foreach (var token in whole?.AddedTokens ?? [])
            vocabulary[token.Content] = token.Id;
        return vocabulary;
    }

    static Dictionary<string, int> ReadLines(string file)
    {
        var vocabulary = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var token in File.ReadLines(file))
        {
            if (!vocabulary.TryAdd(token, vocabulary.Count))
                throw new InvalidDataException($"{file} lists '{token}' twice, in line {vocabulary[token] + 1} and line {vocabulary.Count + 1}.");
        }
        return vocabulary;
    }

    static void Validate(TokenizerJson? whole, string file)
    {
        if (whole is null)
            return;
        if (whole.Model is { Type: not (null or "WordPiece") })
            throw new InvalidDataException($"{file} describes a {whole.Model.Type} tokenizer; only BERT's WordPiece is supported.");
        if (whole.Normalizer is { Type: not "BertNormalizer" } or { CleanText: false })
            throw new InvalidDataException($"{file} does not normalize text as BERT does: it must use BertNormalizer with clean_text true.");
        if (whole.AddedTokens?.FirstOrDefault(token => !token.IsVerbatim) is { } odd)
        {
            throw new InvalidDataException(
                $"{file} adds the token '{odd.Content}' with lstrip, rstrip, single_word or normalized set, which is not supported.");
        }
    }

    static T? ReadJson<T>(string directory, string name)
        where T : class
    {
        var file = Path.Combine(directory, name);
        if (!File.Exists(file))
            return null;
        using var stream = File.OpenRead(file);
        try
        {
            return JsonSerializer.Deserialize<T>(stream);
        }
        catch (JsonException malformed)
        {
            throw new InvalidDataException($"{file} is not a valid {name}: {malformed.Message}", malformed);
        }
    }

    sealed record TokenizerJson
    {
        [JsonPropertyName("added_tokens")] public AddedToken[]? AddedTokens { get; init; }
        [JsonPropertyName("normalizer")] public NormalizerJson? Normalizer { get; init; }
        [JsonPropertyName("model")] public ModelJson? Model { get; init; }
    }

    sealed record AddedToken
    {
        [JsonPropertyName("content")] public required string Content { get; init; }
        [JsonPropertyName("id")] public required int Id { get; init; }
        [JsonPropertyName("lstrip")] public bool Left { get; init; }
        [JsonPropertyName("rstrip")] public bool Right { get; init; }
        [JsonPropertyName("single_word")] public bool SingleWord { get; init; }
        [JsonPropertyName("normalized")] public bool Normalized { get; init; }

        public bool IsVerbatim => Content.Length > 0 && !Left && !Right && !SingleWord && !Normalized;
    }

    sealed record NormalizerJson
    {
        [JsonPropertyName("type")] public string? Type { get; init; }
        [JsonPropertyName("clean_text")] public bool CleanText { get; init; } = true;
        [JsonPropertyName("handle_chinese_chars")] public bool? SeparateIdeographs { get; init; }
        [JsonPropertyName("strip_accents")] public bool? StripAccents { get; init; }
        [JsonPropertyName("lowercase")] public bool? LowerCase { get; init; }
    }

    sealed record ModelJson
    {
        [JsonPropertyName("type")] public string? Type { get; init; }
        [JsonPropertyName("vocab")] public Dictionary<string, int>? Vocabulary { get; init; }
    }

    sealed record ConfigJson
    {
        [JsonPropertyName("do_lower_case")] public bool? LowerCase { get; init; }
        [JsonPropertyName("strip_accents")] public bool? StripAccents { get; init; }
        [JsonPropertyName("tokenize_chinese_chars")] public bool? SeparateIdeographs { get; init; }
    }
}
