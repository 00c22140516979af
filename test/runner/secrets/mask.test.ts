import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createLineSplitter } from '../../../runner/agent/lines.ts'
import { cutTo } from '../../../runner/agent/cut.ts'
import { createMask, NO_MASK } from '../../../runner/secrets/mask.ts'

const RUNS = { numRuns: 400 }
const PEM = `-----BEGIN PRIVATE KEY-----\n${'MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7\n'.repeat(3)}-----END PRIVATE KEY-----\n`

/** Letters of all kinds, so that every escape is used; no three in a row are the mask itself. */
const character = fc.oneof(
  fc.constantFrom(...'abcXYZ0189+/=_-!"\\%&<>\' \tä€😀'),
  fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)),
)
const secret = fc
  .array(character, { minLength: 8, maxLength: 60 })
  .map((parts) => parts.join('').trim())
  .filter((text) => text.length >= 8 && new Set(text).size > 4 && !text.includes('*'))

const percent = (text: string) =>
  [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')
const unicode = (text: string) =>
  [...Array(text.length).keys()].map((i) => `\\u${text.charCodeAt(i).toString(16).padStart(4, '0')}`).join('')
const wrapped = (text: string, width: number) => text.replace(new RegExp(`(.{${width}})`, 'g'), '$1\n')

type Spell = (value: string, before: string) => string
const SPELLINGS: Record<string, Spell> = {
  plain: (value) => value,
  json: (value) => JSON.stringify(value).slice(1, -1),
  'json in json': (value) => JSON.stringify(JSON.stringify({ value })),
  'json with escaped slashes': (value) => JSON.stringify(value).replaceAll('/', '\\/'),
  'json in ASCII': unicode,
  url: encodeURIComponent,
  'url, all of it': percent,
  form: (value) => new URLSearchParams({ value }).toString(),
  hex: (value) => Buffer.from(value).toString('hex'),
  HEX: (value) => Buffer.from(value).toString('hex').toUpperCase(),
  base64: (value) => Buffer.from(value).toString('base64'),
  'base64 with a newline': (value) => Buffer.from(`${value}\n`).toString('base64'),
  'base64 in a text': (value, before) => Buffer.from(`${before}${value}${before}`).toString('base64'),
  base64url: (value, before) => Buffer.from(`${before}${value}`).toString('base64url'),
  'base64 in lines': (value, before) => wrapped(Buffer.from(`${before}${value}\n`).toString('base64'), 76),
  'base64 in short lines': (value) => wrapped(Buffer.from(value).toString('base64'), 20),
}

/** What is stored when a text comes in pieces. */
async function stored(text: string, cuts: readonly number[], mask: ReturnType<typeof createMask>): Promise<string[]> {
  const lines: string[] = []
  const next = mask.lines()
  const splitter = createLineSplitter((line) => void lines.push(next(line)))
  const bytes = Buffer.from(text)
  const places = [...cuts.map((cut) => cut % (bytes.length + 1)), 0, bytes.length].sort((a, b) => a - b)
  for (const [i, place] of places.entries()) await splitter.push(bytes.subarray(places[i - 1] ?? 0, place))
  await splitter.close()
  return lines
}

/** What somebody reads out of what is stored who joins lines and undoes every escape. */
function readings(lines: readonly string[]): string[] {
  const texts = [lines.join('\n'), lines.join('')]
  const unescaped = texts.flatMap((text) => [
    text.replace(/\\u([0-9a-f]{4})/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16))),
  ])
  const urls = texts.map((text) =>
    text.replace(/(?:%[0-9a-f]{2})+/gi, (run) => Buffer.from(run.replaceAll('%', ''), 'hex').toString()),
  )
  const runs = texts.flatMap((text) => text.match(/[A-Za-z0-9+/_-]{6,}/g) ?? [])
  const decoded = runs.flatMap((run) => [0, 1, 2, 3].map((from) => Buffer.from(run.slice(from), 'base64').toString()))
  const hex = runs.map((run) => Buffer.from(run, 'hex').toString())
  return [...texts, ...unescaped, ...urls, ...decoded, ...hex]
}

test.each(Object.entries(SPELLINGS))('createMask() hides a value as %s, wherever it is cut', async (_name, spell) => {
  await fc.assert(
    fc.asyncProperty(
      secret,
      fc.string({ maxLength: 90 }).filter((text) => !text.includes('\0')),
      fc.array(fc.nat(), { maxLength: 6 }),
      async (value, before, cuts) => {
        const spelled = spell(value, before)
        const lines = await stored(`${before}\n> ${spelled} <`, cuts, createMask([value]))
        expect(lines.join('\n')).toContain('***')
        for (const reading of readings(lines)) expect(reading).not.toContain(value)
        // And of the spelling nothing that is worth reading: what is left of it is shorter than a piece that counts.
        if (/base64/.test(_name)) return
        expect(lines.join('\n')).not.toContain(spelled)
      },
    ),
    RUNS,
  )
})

test.each(Object.entries(SPELLINGS))(
  'the same search finds a value as %s where nothing is masked',
  async (_name, spell) => {
    const value = 'Zq4w9Lm2uT6xYz01'
    const found = readings(await stored(`> ${spell(value, 'ab')} <`, [3, 9], NO_MASK))
    expect(found.some((reading) => reading.includes(value))).toBe(true)
  },
)

test('createMask() leaves text without the value as it is, however it comes', async () => {
  const mask = createMask(['s3cr3t-v4lue-of-no-text', PEM])
  const text = fc.string({ unit: 'binary', maxLength: 300 }).map((each) => each.toWellFormed().replaceAll('\0', ''))
  await fc.assert(
    fc.asyncProperty(text, fc.array(fc.nat(), { maxLength: 5 }), async (each, cuts) => {
      expect(await stored(each, cuts, mask)).toEqual(await stored(each, cuts, NO_MASK))
      expect(mask.text(each)).toBe(each)
    }),
    RUNS,
  )
})

test('createMask() masks a value of many lines line by line, and holds no line back', () => {
  const next = createMask([PEM]).lines()
  const lines = PEM.trimEnd().split('\n')
  expect(lines.map((line) => next(line))).toEqual(lines.map(() => '***'))
  expect(createMask([PEM]).text(`a\n${PEM}b`)).toBe(`a\n${lines.map(() => '***').join('\n')}\nb`)
  expect(createMask([PEM]).text(JSON.stringify({ key: PEM }))).toBe('{"key":"***\\n"}')
})

test('createMask() hides the beginning of a value that a cut left at the end of a line', async () => {
  const value = 'abcdefghijklmnopqrstuvwxyz'
  const mask = createMask([value])
  for (const shown of [1, 3, 4, 10, 25]) {
    const [line = ''] = await stored(`${'x'.repeat(16 * 1024 - shown)}${value} and more`, [], mask)
    expect(line).toMatch(/more bytes\]$/)
    expect(line.includes(value.slice(0, 4))).toBe(false)
    const cut = cutTo(`${'x'.repeat(4096 - shown)}${value} and more`, 4096)
    expect(mask.text(cut).includes(value.slice(0, 4))).toBe(false)
  }
  expect(mask.text('it ends with abcdef')).toBe('it ends with abcdef')
  expect(mask.text('it ends with abcdef', { isCut: true })).toBe('it ends with ***')
})

test('createMask() knows nothing of values that are too short, and of overlapping ones shows nothing', () => {
  expect(createMask(['short', '     a     '])).toBe(NO_MASK)
  expect(createMask(['abcdefgh', 'efghijkl']).text('<abcdefghijkl>')).toBe('<***>')
})

test('createMask().deep masks every text of a payload and nothing else', () => {
  const mask = createMask(['s3cr3t-value'])
  const payload = { stream: 'stdout', n: 3, ok: true, none: null, items: [{ text: 'a s3cr3t-value b' }] }
  expect(mask.deep(payload)).toEqual({ ...payload, items: [{ text: 'a *** b' }] })
})

test('createMask() takes time in proportion to what it reads', () => {
  const mask = createMask([PEM, ...[...Array(50).keys()].map((n) => `token-${n}-${'y'.repeat(40)}`)])
  const lines = [...Array(64).keys()].map((n) => `${n} ${'QUJD'.repeat(4000)}%41\\u0041`)
  const before = process.cpuUsage()
  const next = mask.lines()
  for (const line of lines) next(line)
  const { user, system } = process.cpuUsage(before)
  // A MiB of the worst: far from a second, and from what a quadratic search would take.
  expect((user + system) / 1000).toBeLessThan(4000)
})
