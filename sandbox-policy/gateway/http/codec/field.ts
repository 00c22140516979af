/** One header field. `key` is the lower-case name; `value` is latin1, without blanks around it. */
export type Field = { readonly key: string; readonly name: string; readonly value: string }

/** The value of a field that occurs at most once; the first, where there are more. */
export function valueOf(fields: readonly Field[], key: string): string | undefined {
  for (const field of fields) if (field.key === key) return field.value
  return undefined
}

/** Fields by lower-case name; repeated ones are joined as HTTP joins them. */
export function fieldMap(fields: readonly Field[]): Map<string, string> {
  const map = new Map<string, string>()
  for (const { key, value } of fields) {
    const earlier = map.get(key)
    map.set(key, earlier === undefined ? value : earlier + (key === 'cookie' ? '; ' : ', ') + value)
  }
  return map
}
