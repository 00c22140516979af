// Vocabulary. provider: a server of models with its key. wire: the protocol that it speaks. feature: what an
// administrator opens in it beyond plain inference (R12).

export const WIRES = ['responses', 'chat', 'anthropic'] as const
export type Wire = (typeof WIRES)[number]

export type ModelFeature =
  | 'web-search'
  | 'web-fetch'
  | 'mcp'
  | 'code-interpreter'
  | 'file-search'
  | 'computer-use'
  | 'image-generation'
  | 'url-input'
  | 'background'
  | 'store'
  | 'previous-response'

/** The header that carries the key, where it is not the wire's own, and what stands before the key. */
export type KeyHeader = { name: string; prefix: string }
