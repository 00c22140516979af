import type { Language } from '../../../domain/environments/toolchains.ts'
import type { Folder } from './folder.ts'
import type { WantedVersion } from './part.ts'

/** The names of languages in `.tool-versions`. */
const TOOLS: Record<string, Language> = {
  nodejs: 'node',
  node: 'node',
  python: 'python',
  golang: 'go',
  go: 'go',
  rust: 'rust',
  java: 'java',
  ruby: 'ruby',
}
const OWN_FILES: Partial<Record<Language, readonly string[]>> = {
  node: ['.nvmrc', '.node-version'],
  python: ['.python-version'],
  java: ['.java-version'],
  ruby: ['.ruby-version'],
}

/** What the version files of a folder say about a language: its own file first, then `.tool-versions`. */
export function versionFiles(folder: Folder, language: Language): WantedVersion[] {
  const own = (OWN_FILES[language] ?? []).flatMap((name) => {
    const version = firstLine(folder.text(name))
    return version === undefined ? [] : [{ language, version, from: folder.at(name) }]
  })
  const tool = toolVersion(folder, language)
  return tool === undefined ? own : [...own, tool]
}

function toolVersion(folder: Folder, language: Language): WantedVersion | undefined {
  for (const line of (folder.text('.tool-versions') ?? '').split('\n')) {
    const [tool = '', version] = line.trim().split(/\s+/)
    if (version !== undefined && Object.hasOwn(TOOLS, tool) && TOOLS[tool] === language)
      return { language, version: cut(version), from: folder.at('.tool-versions') }
  }
  return undefined
}

function firstLine(text: string | undefined): string | undefined {
  const line = text
    ?.split('\n')
    .map((each) => each.replace(/#.*/, '').trim())
    .find(Boolean)
  return line === undefined ? undefined : cut(line)
}

/** A version is shown to people and compared; it is never run. */
export const cut = (text: string) => text.replace(/[^\x20-\x7e]/g, '?').slice(0, 60)
