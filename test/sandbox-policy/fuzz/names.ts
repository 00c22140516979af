import fc from 'fast-check'

const LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789'

/** Canonical names of two to four labels, none of which looks like an address. */
export const names: fc.Arbitrary<string> = fc
  .tuple(
    fc.array(
      fc
        .string({ unit: fc.constantFrom(...LETTERS, '_', '-'), minLength: 1, maxLength: 12 })
        .map((text) => `a${text}z`),
      { minLength: 1, maxLength: 3 },
    ),
    fc.constantFrom('test', 'example', 'com'),
  )
  .map(([labels, last]) => [...labels, last].join('.'))

/** Characters that some folding turns into ASCII ones. */
const LOOKALIKES: Record<string, readonly string[]> = {
  a: ['ａ', 'а', 'ᵃ', 'ⓐ', '𝐚', '\u00aa'],
  e: ['ｅ', 'е', 'ℯ', '𝖾'],
  i: ['ｉ', 'ı', 'İ', 'ⅰ'],
  k: ['\u212a', 'ｋ'],
  s: ['ſ', 'ｓ', 'ˢ'],
  t: ['ｔ', '𝗍'],
  '.': ['。', '．', '｡', '․', '%2e', '%2E', '..', '\u2024'],
  '-': ['‐', '－', '\u00ad'],
  '1': ['¹', '１', '①'],
}

const INSERTED = [
  '\0',
  ' ',
  '\t',
  '\r',
  '\n',
  '\u00ad',
  '\u200b',
  '\ufeff',
  '%00',
  '%20',
  '/',
  '\\',
  '?',
  '#',
  '@',
  ':',
  '*',
  '"',
]

/** Ways to write a name that some parser, resolver or server somewhere takes for the name itself. */
export function spellingsOf(name: string): fc.Arbitrary<string> {
  const at = fc.nat({ max: name.length })
  const cased = fc
    .array(fc.boolean(), { minLength: name.length, maxLength: name.length })
    .map((upper) => [...name].map((each, index) => (upper[index] ? each.toUpperCase() : each)).join(''))
  const lookalike = fc.tuple(at, fc.nat()).map(([index, pick]) => {
    const options = LOOKALIKES[name[index] ?? ''] ?? [percent(name[index] ?? '.')]
    return name.slice(0, index) + (options[pick % options.length] ?? '') + name.slice(index + 1)
  })
  const inserted = fc
    .tuple(at, fc.constantFrom(...INSERTED))
    .map(([index, text]) => name.slice(0, index) + text + name.slice(index))
  const wrapped = fc.constantFrom(
    `${name}.`,
    `${name}..`,
    `.${name}`,
    `[${name}]`,
    `user@${name}`,
    `user:pass@${name}`,
    `${name}:443`,
    `${name}:80@${name}`,
    `http://${name}/`,
    `//${name}`,
    `${name}%2e`,
    `${name}\0.other.test`,
    `other.test\0${name}`,
    [...name].map(percent).join(''),
    name.normalize('NFKD').toUpperCase(),
  )
  return fc.oneof(
    cased,
    lookalike,
    inserted,
    wrapped,
    cased.map((text) => `${text}.`),
  )
}

/** Anything that may be sent as a name, near and far from real ones. */
export const hostileNames: fc.Arbitrary<string> = fc.oneof(
  names,
  names.chain(spellingsOf),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({
    unit: fc.constantFrom(...LETTERS, '.', '-', '_', '.', 'x', '0', ':', '[', ']', '%', 'K'),
    maxLength: 24,
  }),
  fc.ipV4Extended(),
  fc.ipV4(),
  fc.ipV6(),
  fc.ipV6().map((address) => `[${address}]`),
  fc.domain(),
)

/** A host and perhaps a port, for CONNECT lines and Host headers. */
export const hostileAuthorities: fc.Arbitrary<string> = fc
  .tuple(hostileNames, fc.oneof(fc.nat(70_000).map(String), fc.string({ maxLength: 6 }), fc.constant(undefined)))
  .map(([name, port]) => (port === undefined ? name : `${name}:${port}`))

function percent(character: string): string {
  return [...new TextEncoder().encode(character)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')
}
