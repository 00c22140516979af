export type Schema = { readonly [key: string]: unknown }
export type Parameter = { name: string; in: 'path' | 'query' | 'header' | 'cookie'; required: boolean; schema: Schema }
/** One thing that can be asked, from the document that the server publishes about itself. */
export type Operation = {
  method: string
  path: string
  parameters: readonly Parameter[]
  /** Of a JSON body; undefined: it takes none. */
  body: Schema | undefined
  bodyRequired: boolean
}

type RawParameter = { name: string; in: Parameter['in']; required?: boolean; schema?: Schema }
type RawOperation = {
  parameters?: RawParameter[]
  requestBody?: { required?: boolean; content?: Record<string, { schema?: Schema }> }
}
export type OpenApi = { paths: Record<string, Record<string, RawOperation>>; components?: { schemas?: Schema } }

const METHODS = ['get', 'put', 'post', 'delete', 'patch']

export function operationsOf({ paths }: OpenApi): Operation[] {
  return Object.entries(paths).flatMap(([path, byMethod]) =>
    Object.entries(byMethod)
      .filter(([method]) => METHODS.includes(method))
      .map(([method, raw]) => ({
        method: method.toUpperCase(),
        path,
        parameters: (raw.parameters ?? []).map((each) => ({
          ...{ name: each.name, in: each.in },
          ...{ required: each.required === true, schema: each.schema ?? {} },
        })),
        body: raw.requestBody?.content?.['application/json']?.schema,
        bodyRequired: raw.requestBody?.required === true,
      })),
  )
}
