import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createDemux, type Piece } from '../../../runner/sandbox/demux.ts'

function frame(stream: 1 | 2, payload: string): Buffer {
  const header = Buffer.alloc(8)
  header[0] = stream
  header.writeUInt32BE(Buffer.byteLength(payload), 4)
  return Buffer.concat([header, Buffer.from(payload)])
}

function textOf(pieces: Piece[], stream: Piece['stream']): string {
  return Buffer.concat(pieces.filter((piece) => piece.stream === stream).map(({ chunk }) => chunk)).toString()
}

describe('createDemux()', () => {
  test('tells the streams apart however the bytes are cut', () => {
    const data = Buffer.concat([frame(1, 'out one'), frame(2, 'err'), frame(1, ''), frame(1, ' out two')])
    fc.assert(
      fc.property(fc.array(fc.nat(12)), (cuts) => {
        const demux = createDemux()
        const pieces: Piece[] = []
        let at = 0
        for (const cut of cuts) {
          pieces.push(...demux(data.subarray(at, at + cut)))
          at += cut
        }
        pieces.push(...demux(data.subarray(at)))
        expect([textOf(pieces, 'stdout'), textOf(pieces, 'stderr')]).toEqual(['out one out two', 'err'])
      }),
    )
  })

  test('hands a part of a frame on at once', () => {
    const demux = createDemux()
    const whole = frame(2, 'x'.repeat(1000))
    expect(demux(whole.subarray(0, 100)).map(({ chunk }) => chunk.length)).toEqual([92])
  })
})
