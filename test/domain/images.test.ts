import { expect, test } from 'vitest'
import { imageType, promptImages } from '../../domain/tasks/images.ts'

const PNG = Buffer.from('89504e470d0a1a0a0000000d', 'hex')

test.each([
  ['image/png', PNG],
  ['image/jpeg', Buffer.from('ffd8ffe000104a46', 'hex')],
  ['image/gif', Buffer.from('GIF89a....')],
  ['image/gif', Buffer.from('GIF87a....')],
  ['image/webp', Buffer.from('RIFF\x04\0\0\0WEBPVP8 ', 'latin1')],
  [undefined, Buffer.from('<svg onload=alert(1)>')],
  [undefined, Buffer.from('RIFF\x04\0\0\0WAVEfmt ', 'latin1')],
  [undefined, Buffer.from('%PDF-1.7')],
  [undefined, PNG.subarray(0, 7)],
  [undefined, PNG.subarray(1)],
  [undefined, Buffer.alloc(0)],
])('imageType() says %s', (type, bytes) => {
  expect(imageType(bytes)).toBe(type)
})

test('promptImages() takes four pictures of up to 5 MiB', () => {
  const large = Buffer.concat([PNG, Buffer.alloc(5 * 1024 * 1024 - PNG.length)])
  expect(promptImages([large, PNG, PNG, PNG]).map(({ mediaType }) => mediaType)).toEqual(Array(4).fill('image/png'))
  expect(() => promptImages([Buffer.concat([large, Buffer.of(0)])])).toThrow(/larger than 5 MiB/)
  expect(() => promptImages(Array<Buffer>(5).fill(PNG))).toThrow(/4 images/)
  expect(() => promptImages([PNG, Buffer.from('text')])).toThrow(/image 2 is no/)
})
