// Readers of what git prints, byte for byte: latin1 strings, one character for each byte.

export type RawChange = { oldMode: string; newMode: string; oldId: string; newId: string; path: string }

/** Reads `diff-tree --raw -z --no-renames`. Undefined when it is anything else. */
export function parseRaw(output: Buffer): RawChange[] | undefined {
  const parts = output.toString('latin1').split('\0')
  const changes: RawChange[] = []
  for (let i = 0; i + 1 < parts.length; i += 2) {
    const meta = /^:([0-7]{6}) ([0-7]{6}) ([0-9a-f]{40}) ([0-9a-f]{40}) [AMDT]$/.exec(parts[i] ?? '')
    const path = parts[i + 1]
    if (!meta || path === undefined) return undefined
    const [, oldMode = '', newMode = '', oldId = '', newId = ''] = meta
    changes.push({ oldMode, newMode, oldId, newId, path })
  }
  return parts.at(-1) === '' ? changes : undefined
}

export type GitObject = { id: string; type: string; content: Buffer }

/** Reads `cat-file --batch`. Undefined when an object is missing or the output ends early. */
export function parseBatch(output: Buffer): GitObject[] | undefined {
  const objects: GitObject[] = []
  for (let at = 0; at < output.length;) {
    const end = output.indexOf(0x0a, at)
    const head = /^([0-9a-f]{40}) ([a-z]+) (\d+)$/.exec(output.toString('latin1', at, end < 0 ? at : end))
    if (!head) return undefined
    const [, id = '', type = '', size = ''] = head
    const content = output.subarray(end + 1, end + 1 + Number(size))
    if (content.length !== Number(size)) return undefined
    objects.push({ id, type, content })
    at = end + 2 + Number(size)
  }
  return objects
}

const INDEX_SIGNATURE = 'ff744f6300000002'
const FAN_OUT_END = 8 + 256 * 4
const ID_BYTES = 20

/** Ids of the objects of a pack, from its index, version 2 (gitformat-pack(5)). Undefined when it is anything else. */
export function parsePackIndex(index: Buffer): string[] | undefined {
  if (index.length < FAN_OUT_END || index.toString('hex', 0, 8) !== INDEX_SIGNATURE) return undefined
  const count = index.readUInt32BE(FAN_OUT_END - 4)
  if (index.length < FAN_OUT_END + count * ID_BYTES) return undefined
  return Array.from({ length: count }, (_, i) => {
    const at = FAN_OUT_END + i * ID_BYTES
    return index.toString('hex', at, at + ID_BYTES)
  })
}

export type TreeEntry = { mode: string; name: string; id: string }

/** Reads a tree object itself, since git shows modes as what it would have written. Undefined when it is broken. */
export function parseTree(content: Buffer): TreeEntry[] | undefined {
  const entries: TreeEntry[] = []
  for (let at = 0; at < content.length;) {
    const end = content.indexOf(0, at)
    const head = /^([0-7]{5,6}) ([^\0]+)$/s.exec(content.toString('latin1', at, end < 0 ? at : end))
    if (!head || end + 21 > content.length) return undefined
    const [, mode = '', name = ''] = head
    entries.push({ mode, name, id: content.toString('hex', end + 1, end + 21) })
    at = end + 21
  }
  return entries
}
