import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseDotenv } from '../../cli/dotenv.ts'

const values = (text: string) => Object.fromEntries(parseDotenv(text).map(({ name, value }) => [name, value]))

test('parseDotenv() reads what people write', () => {
  const text = [
    '\uFEFF# a comment',
    'A=1',
    '  export B = two words # of which this is none',
    'C=',
    'D=#nothing',
    'E=a#b',
    "F='single $A \\n # kept'",
    'G="double \\"quoted\\" \\n \\$A # kept" # a comment',
    'H="first',
    'second # kept',
    '',
    'last"',
    "I='-----BEGIN-----\r",
    'x\r',
    "-----END-----'",
    'J=https://user@host/path?q=1&x=2',
    '',
  ].join('\n')
  expect(values(text)).toEqual({
    ...{ A: '1', B: 'two words', C: '', D: '', E: 'a#b', F: 'single $A \\n # kept' },
    ...{ G: 'double "quoted" \n $A # kept', H: 'first\nsecond # kept\n\nlast' },
    ...{ I: '-----BEGIN-----\nx\n-----END-----', J: 'https://user@host/path?q=1&x=2' },
  })
})

test.each([
  ['A=1\nnonsense', 2, 'NAME=value'],
  ['A=1\n\n1B=2', 3, 'NAME=value'],
  ['A-B=1', 1, 'NAME=value'],
  ['A=1\nB=2\nA=3', 3, 'line 1'],
  ['A=1\nB="s3cr3t\nmore', 2, 'never closed'],
  ["A='it''s'", 1, 'closing quote'],
  ['A="one\ntwo" three', 2, 'closing quote'],
  ['A="\\x"', 1, 'backslash'],
  ["A=it's", 1, 'in quotes itself'],
  ['A=$(s3cr3t)\nB=`s3cr3t`', 2, 'in quotes itself'],
])('parseDotenv() refuses %j at line %i', (text, line, why) => {
  const read = () => parseDotenv(text)
  expect(read).toThrow(`Cannot read line ${line}`)
  expect(read).toThrow(why)
  expect(read).not.toThrow('s3cr3t')
})

test('parseDotenv() gives back every value that is written in quotes', () => {
  const quoted = (value: string) => `"${value.replace(/["\\$]/g, '\\$&').replaceAll('\r', '\\r')}"`
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'binary' }), { maxLength: 5 }), (all) => {
      const text = all.map((value, i) => `V${i}=${quoted(value)}`).join('\n')
      expect(parseDotenv(text).map(({ value }) => value)).toEqual(all)
    }),
  )
})
