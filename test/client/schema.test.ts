import openapi, { astToString } from 'openapi-typescript'
import type { OpenAPI3 } from 'openapi-typescript'
import { expect, test } from 'vitest'
import { appWith } from '../support/bare-api.ts'

const HEADER = `// Made from the server's own OpenAPI document by "npm run client:types", which this repository's tests hold it to.

`

test('client/schema.ts says what the running app says of itself; "npm run client:types" makes it anew', async () => {
  const response = await appWith().app.request('/api/v1/openapi.json')
  const document = (await response.json()) as OpenAPI3
  const own = Object.entries(document.paths ?? {}).filter(([path]) => path.startsWith('/api/v1/'))
  // What has a default may be left out of a request.
  const types = await openapi(
    { ...document, paths: Object.fromEntries(own) },
    { alphabetize: true, defaultNonNullable: false },
  )
  await expect(HEADER + astToString(types)).toMatchFileSnapshot('../../client/schema.ts')
})
