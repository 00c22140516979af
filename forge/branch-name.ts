const MAX_SLUG = 40

/** `drydock/<slug of the title>-<id>`: ASCII, a valid ref whatever the title is, told apart by the id. */
export function branchName(title: string, id: string): string {
  const slug = title
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, MAX_SLUG)
    .replace(/^-+|-+$/g, '')
  return `drydock/${slug === '' ? 'task' : slug}-${id}`
}
