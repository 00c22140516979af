// Writes github.json: the operations that the fake GitHub answers, with the schemas they need and nothing else, from
// the development dependency @octokit/openapi. Run it again after that was updated: node test/support/openapi/extract.mjs
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const OPERATIONS = [
  ['get', '/user'],
  ['get', '/repos/{owner}/{repo}'],
  ['get', '/repos/{owner}/{repo}/collaborators/{username}/permission'],
  ['get', '/repos/{owner}/{repo}/pulls'],
  ['post', '/repos/{owner}/{repo}/pulls'],
  ['get', '/repos/{owner}/{repo}/pulls/{pull_number}'],
]
const NOISE = new Set(['description', 'example', 'examples', 'title', 'externalDocs', 'deprecated', 'x-github-breaking-changes'])

const require = createRequire(import.meta.url)
const file = require.resolve('@octokit/openapi').replace(/index\.js$/, 'generated/api.github.com.json')
const api = JSON.parse(readFileSync(file, 'utf8'))
const definitions = {}

/** JSON Schema from OpenAPI 3.0: no prose, `nullable` as a type, references into `definitions`. */
function convert(node, isMap = false) {
  if (Array.isArray(node)) return node.map((item) => convert(item))
  if (typeof node !== 'object' || node === null) return node
  if (typeof node.$ref === 'string') return { $ref: define(node.$ref) }
  const result = {}
  for (const [key, value] of Object.entries(node)) {
    if (!isMap && (NOISE.has(key) || key === 'nullable')) continue
    result[key] = convert(value, !isMap && key === 'properties')
  }
  if (isMap || node.nullable !== true) return result
  if (typeof result.type !== 'string') return { anyOf: [result, { type: 'null' }] }
  return { ...result, type: [result.type, 'null'], ...(result.enum && { enum: [...result.enum, null] }) }
}

function define(ref) {
  const name = ref.split('/').at(-1)
  if (!(name in definitions)) {
    definitions[name] = {}
    definitions[name] = convert(api.components.schemas[name])
  }
  return `#/definitions/${name}`
}

function responseSchema(response) {
  const found = response.$ref ? api.components.responses[response.$ref.split('/').at(-1)] : response
  const schema = found?.content?.['application/json']?.schema
  return schema && convert(schema)
}

const operations = {}
for (const [method, path] of OPERATIONS) {
  const responses = {}
  for (const [status, response] of Object.entries(api.paths[path][method].responses)) {
    const schema = responseSchema(response)
    if (schema) responses[status] = schema
  }
  operations[`${method} ${path}`] = responses
}
const sorted = Object.fromEntries(Object.entries(definitions).sort(([a], [b]) => (a < b ? -1 : 1)))
const text = JSON.stringify({ version: api.info.version, operations, definitions: sorted })
writeFileSync(new URL('github.json', import.meta.url), `${text}\n`)
