export const u16 = (value: number) => [value >> 8, value & 0xff]
export const sized = (bytes: readonly number[]) => [...u16(bytes.length), ...bytes]
export const ascii = (text: string) => [...Buffer.from(text, 'latin1')]
export const sni = (...names: string[]) => [0, 0, ...sized(sized(names.flatMap((name) => [0, ...sized(ascii(name))])))]

/** A ClientHello with these extensions, in records of at most so many bytes. */
export function hello(extensions: readonly (readonly number[])[], record = 16_384): Buffer {
  const body = [3, 3, ...Array<number>(32).fill(7), 0, ...sized([0x13, 1]), 1, 0, ...sized(extensions.flat())]
  const message = [1, 0, ...u16(body.length), ...body]
  const records: number[] = []
  for (let at = 0; at < message.length; at += record) records.push(22, 3, 1, ...sized(message.slice(at, at + record)))
  return Buffer.from(records)
}

export const ECH = [0xfe, 0x0d, ...sized([0, 1])]
