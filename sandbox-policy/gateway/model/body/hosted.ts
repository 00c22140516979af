import type { ModelFeature } from '../../../control.ts'

/** Tools that the provider runs, and the items and blocks of theirs, by what their type begins with. */
const HOSTED: readonly (readonly [prefix: string, feature: ModelFeature])[] = [
  ['web_search', 'web-search'],
  ['web_fetch', 'web-fetch'],
  ['file_search', 'file-search'],
  ['code_interpreter', 'code-interpreter'],
  ['code_execution', 'code-interpreter'],
  ['bash_code_execution', 'code-interpreter'],
  ['text_editor_code_execution', 'code-interpreter'],
  ['container_upload', 'code-interpreter'],
  ['computer', 'computer-use'],
  ['image_generation', 'image-generation'],
  ['mcp', 'mcp'],
]

/** The feature that opens a hosted tool; undefined: none does. */
export function hostedFeature(type: string): ModelFeature | undefined {
  return HOSTED.find(([prefix]) => type === prefix || type.startsWith(`${prefix}_`))?.[1]
}
