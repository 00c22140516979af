import { expect, test } from 'vitest'
import { parseBatch, parsePackIndex, parseRaw, parseTree } from '../../../runner/workspace/tree-format.ts'

const A = 'a'.repeat(40)
const B = 'b'.repeat(40)

test('parseRaw() reads names with newlines and bytes that are no text', () => {
  const output = Buffer.from(`:100644 120000 ${A} ${B} T\0new\nline \xff\0:000000 040000 ${A} ${B} A\0x\0`, 'latin1')
  expect(parseRaw(output)).toEqual([
    { oldMode: '100644', newMode: '120000', oldId: A, newId: B, path: 'new\nline \xff' },
    { oldMode: '000000', newMode: '040000', oldId: A, newId: B, path: 'x' },
  ])
})

test.each([
  ['no end', `:100644 100644 ${A} ${B} M\0x`],
  ['a short id', `:100644 100644 ${A} bbbb M\0x\0`],
  ['a rename', `:100644 100644 ${A} ${B} R100\0x\0y\0`],
  ['words', 'fatal: no'],
])('parseRaw() of output with %s is undefined', (_, text) => {
  expect(parseRaw(Buffer.from(text))).toBeUndefined()
})

test('parseBatch() reads contents that look like headers', () => {
  const content = `${A} blob 3\nxyz`
  const objects = parseBatch(Buffer.from(`${B} blob ${content.length}\n${content}\n${A} tree 0\n\n`))
  expect(objects?.map(({ id, type, content: each }) => [id, type, each.toString()])).toEqual([
    [B, 'blob', content],
    [A, 'tree', ''],
  ])
})

test.each([
  ['missing', `${A} missing\n`],
  ['cut off', `${A} blob 10\nabc`],
])('parseBatch() of an object that is %s is undefined', (_, text) => {
  expect(parseBatch(Buffer.from(text))).toBeUndefined()
})

test('parseTree() keeps modes as they are written', () => {
  const entry = (head: string) => Buffer.concat([Buffer.from(`${head}\0`), Buffer.from(A, 'hex')])
  expect(parseTree(Buffer.concat([entry('100664 x'), entry('40000 y z')]))).toEqual([
    { mode: '100664', name: 'x', id: A },
    { mode: '40000', name: 'y z', id: A },
  ])
  expect(parseTree(entry('100644 x').subarray(0, -1))).toBeUndefined()
  expect(parseTree(entry('100644 '))).toBeUndefined()
})

/** As git writes it: signature, version, how many ids there are up to each first byte, the ids, and what follows. */
function packIndex(ids: readonly string[], { signature = 'ff744f63', version = 2 } = {}): Buffer {
  const fanOut = Buffer.alloc(256 * 4)
  for (let byte = 0; byte < 256; byte++)
    fanOut.writeUInt32BE(ids.filter((id) => parseInt(id.slice(0, 2), 16) <= byte).length, byte * 4)
  const head = Buffer.from(`${signature}0000000${version}`, 'hex')
  return Buffer.concat([head, fanOut, ...ids.map((id) => Buffer.from(id, 'hex')), Buffer.alloc(40)])
}

test('parsePackIndex() gives the ids of the objects', () => {
  const ids = [A, B].sort()
  expect(parsePackIndex(packIndex(ids))).toEqual(ids)
  expect(parsePackIndex(packIndex([]))).toEqual([])
})

test.each([
  ['another signature', packIndex([A], { signature: '00000001' })],
  ['another version', packIndex([A], { version: 3 })],
  ['fewer ids than it says', packIndex([A]).subarray(0, -50)],
  ['nothing in it', Buffer.alloc(0)],
])('parsePackIndex() of an index with %s is undefined', (_, index) => {
  expect(parsePackIndex(index)).toBeUndefined()
})
