import { expect, test } from 'vitest'
import { lastWords } from '../../../runner/sandbox/last-words.ts'
import { createMask } from '../../../runner/secrets/mask.ts'

const LONG = 'x'.repeat(400)

test.each([
  ['nothing', '', ''],
  ['one line', 'bye\n', 'bye'],
  ['controls', '\u001b[2Jbye\u0007\r\n\n\u0000', 'bye'],
  [
    'the last of too many lines',
    Array.from({ length: 12 }, (_, i) => `l${i}`).join('\n'),
    'l2 l3 l4 l5 l6 l7 l8 l9 l10 l11',
  ],
  ['whole lines only', `${LONG}\n${LONG}\nbye\n`, `${LONG} bye`],
  ['a line that is too long', `before\n${'y'.repeat(100_000)}`, `${'y'.repeat(480)} …`],
])('lastWords() of %s', (_, log, words) => {
  expect(lastWords(log)).toBe(words)
})

test('lastWords() cuts no secret so that its mask would miss the rest', () => {
  const secret = 'correct horse battery staple'
  const mask = createMask([secret])
  for (let before = 440; before < 490; before++) {
    const ofLong = mask.text(lastWords(`${'x'.repeat(before)}${secret}\n`))
    const ofMany = mask.text(lastWords(`${secret}${'x'.repeat(before)}\nbye`))
    for (const word of ['horse', 'battery', 'staple']) expect(ofLong + ofMany).not.toContain(word)
  }
})
