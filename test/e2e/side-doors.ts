/** Where sandboxes find their model. */
export const MODEL = 'http://model.drydock.internal'

/** Requests that ask the provider for more than inference, or by another way; each carries a marker in what it sends. */
const DOORS = [
  ...[
    'web_search',
    'web_search_preview',
    'code_interpreter',
    'file_search',
    'computer_use_preview',
    'image_generation',
  ],
  'mcp',
]
  .map((type) => post({ tools: [{ type, server_label: 'x', server_url: 'https://evil.test/' }] }))
  .concat(
    [
      { background: true },
      { store: true },
      { previous_response_id: 'resp_1' },
      { conversation: 'conv_1' },
      { prompt: { id: 'pmpt_1' } },
      { input: [{ role: 'user', content: [{ type: 'input_image', image_url: 'https://evil.test/SIDE-DOOR' }] }] },
      { input: [{ role: 'user', content: [{ type: 'input_file', file_url: 'https://evil.test/SIDE-DOOR' }] }] },
      { input: [{ type: 'item_reference', id: 'msg_1' }] },
    ].map((extra) => post(extra)),
  )
  .concat([
    // The same name twice, or written another way: what was checked is what is sent.
    curl(
      `-d '{"model":"gpt-5.5","input":"SIDE-DOOR","tools":[],"tools":[{"type":"web_search"}]}' ${MODEL}/v1/responses`,
    ),
    curl(`-d '{"model":"gpt-5.5","input":"SIDE-DOOR","to\\u006fls":[{"type":"web_search"}]}' ${MODEL}/v1/responses`),
    ...[
      'files',
      'embeddings',
      'responses/SIDE-DOOR',
      'chat/completions',
      'messages',
      'vector_stores',
      'responses/../files',
    ].map((path) => curl(`--path-as-is -d '{"model":"gpt-5.5","input":"SIDE-DOOR"}' ${MODEL}/v1/${path}`)),
    ...['GET', 'PUT', 'DELETE'].map((method) => curl(`-X ${method} ${MODEL}/v1/responses?SIDE-DOOR`)),
    curl(`-H 'content-encoding: gzip' --data-binary @/tmp/door.gz ${MODEL}/v1/responses`),
    curl(`-p -k https://model.drydock.internal/v1/responses -d SIDE-DOOR`),
    curl(`-H 'host: model.drydock.internal' http://@PROVIDER@/v1/responses -d SIDE-DOOR`),
    curl(`--noproxy '*' http://@PROVIDER@/v1/responses -d SIDE-DOOR`),
    curl(`--noproxy '*' --connect-to ::@PROVIDER@ ${MODEL}/v1/responses -d SIDE-DOOR`),
  ])

function post(extra: Record<string, unknown>): string {
  return curl(`-d '${JSON.stringify({ model: 'gpt-5.5', input: 'SIDE-DOOR', ...extra })}' ${MODEL}/v1/responses`)
}

function curl(args: string): string {
  return `curl -g -s -m 5 -o /dev/null -w '%{http_code} ' -H 'content-type: application/json' ${args}`
}

/** A script that tries them all, and then the open way; it writes the codes of the answers to doors.txt. */
export const sideDoors = (provider: string) =>
  [
    `echo '{"model":"gpt-5.5","input":"SIDE-DOOR"}' | gzip > /tmp/door.gz`,
    '{',
    ...DOORS.map((door) => door.replaceAll('@PROVIDER@', provider)),
    // The way itself is open.
    curl(`-d '{"model":"gpt-5.5","input":"OPEN-DOOR","stream":true}' ${MODEL}/v1/responses`).replace(
      "'%{",
      "'\\nopen %{",
    ),
    '} > doors.txt; true',
  ].join('\n')
