/** The text as PostgreSQL can hold it: without NUL and without half of a surrogate pair. */
export function storable(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\uFFFD')
}

/** JSON that jsonb takes, whatever the strings in the value hold. */
export function storableJson(value: unknown): string {
  const json = JSON.stringify(value)
  // How JSON writes what jsonb refuses; text that merely looks like it costs a second pass.
  if (!/\\u(0000|d[89a-f])/.test(json)) return json
  return JSON.stringify(value, (_, part: unknown) => (typeof part === 'string' ? storable(part) : part))
}
