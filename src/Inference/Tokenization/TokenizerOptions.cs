namespace ScoringService.Inference.Tokenization;

/// <summary>
/// How a text is normalized before it is cut into pieces: the options of Hugging Face's <c>BertTokenizer</c> that change token ids.
/// </summary>
public sealed record TokenizerOptions
{
    /// <summary>Lower-case the text (<c>do_lower_case</c>). Default true: the model is uncased.</summary>
    public bool LowerCase { get; init; } = true;

    /// <summary>Remove combining marks after canonical decomposition (<c>strip_accents</c>). Null, the default: as <see cref="LowerCase"/>.</summary>
    public bool? StripAccents { get; init; }

    /// <summary>Make every CJK ideograph a word of its own (<c>tokenize_chinese_chars</c>). Default true.</summary>
    public bool SeparateIdeographs { get; init; } = true;
}
