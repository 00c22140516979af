import { execFileSync } from 'node:child_process'
import { linkSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { measure } from '../../../runner/sandbox/disk-usage.ts'
import { findBy } from '../../../runner/sandbox/find.ts'

const folder = mkdtempSync(join(tmpdir(), 'drydock-usage-'))
afterAll(() => rmSync(folder, { recursive: true }))

const NONE = { bytes: 1e9, files: 1000 }
const KiB = 1024
const [first, second] = [join(folder, 'first'), join(folder, 'second')]
mkdirSync(join(first, 'a\nb'), { recursive: true })
mkdirSync(second)
writeFileSync(join(first, '7\n8 9'), Buffer.alloc(100 * KiB))
writeFileSync(join(second, 'small'), 'x')
linkSync(join(first, '7\n8 9'), join(first, 'a\nb', 'again'))
const ofDisk = (path: string) => statSync(path).blocks * 512

test('measure() counts blocks, each file once however many names it has, and believes no name', async () => {
  const each = [first, join(first, 'a\nb'), join(first, '7\n8 9'), second, join(second, 'small')]
  const bytes = each.reduce((sum, path) => sum + ofDisk(path), 0)
  expect(bytes).toBeGreaterThan(100 * KiB)
  expect(await measure([first, second], NONE, findBy())).toEqual({ bytes, files: each.length })
})

test('measure() takes what has many times more names than the limit for what is over it', async () => {
  const crowd = join(folder, 'crowd')
  mkdirSync(crowd)
  execFileSync('sh', ['-c', 'i=0; while [ $i -lt 500 ]; do : > "$0/$i"; i=$((i+1)); done', crowd])
  expect(await measure([crowd], { bytes: 1e9, files: 10 }, findBy())).toEqual({ bytes: Infinity, files: Infinity })
  expect((await measure([crowd], { bytes: 1e9, files: 501 }, findBy())).files).toBe(501)
})

test('measure() rejects where find cannot be run, so that nobody takes it for an empty disk', async () => {
  const find = findBy({ run: () => Promise.reject(new Error('lost')), path: '' })
  await expect(measure([first], NONE, find)).rejects.toThrow('lost')
})
