/** Some thousand files of some lines each, as a repository has them. */
export function textFiles(count: number, text: string): Record<string, string> {
  const entries = Array.from({ length: count }, (_, i) => {
    const lines = `${text} of file ${i}\n`.repeat(10 + (i % 40))
    return [`src/part-${i % 50}/group-${i % 7}/file-${i}.txt`, lines] as const
  })
  return Object.fromEntries(entries)
}
