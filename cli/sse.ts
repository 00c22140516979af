export type SseMessage = { event: string; data: string; id: string | undefined }

/** Takes a stream of server-sent events apart: chunks in, whole messages out, wherever the chunks were cut. */
export function createSseParser() {
  let rest = ''
  let fields: { event: string; data: string[]; id: string | undefined } = { event: '', data: [], id: undefined }

  const dispatch = (): SseMessage[] => {
    const { event, data, id } = fields
    fields = { event: '', data: [], id: undefined }
    return data.length === 0 ? [] : [{ event: event || 'message', data: data.join('\n'), id }]
  }

  const takeLine = (line: string): SseMessage[] => {
    if (line === '') return dispatch()
    const colon = line.indexOf(':')
    if (colon === 0) return []
    const name = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (name === 'event') fields.event = value
    if (name === 'data') fields.data.push(value)
    if (name === 'id') fields.id = value
    return []
  }

  return {
    push(text: string): SseMessage[] {
      const all = rest + text
      // A CR at the very end may be the first half of a CRLF.
      const whole = all.endsWith('\r') ? all.slice(0, -1) : all
      const lines = whole.split(/\r\n|\n|\r/)
      rest = (lines.pop() ?? '') + all.slice(whole.length)
      return lines.flatMap(takeLine)
    },
  }
}

/** The messages of a response body. A message that the end of the stream cut off is dropped, as the standard wants. */
export async function* readSse(body: AsyncIterable<Uint8Array>, onBytes: () => void): AsyncGenerator<SseMessage> {
  const decoder = new TextDecoder()
  const parser = createSseParser()
  for await (const chunk of body) {
    onBytes()
    yield* parser.push(decoder.decode(chunk, { stream: true }))
  }
}
