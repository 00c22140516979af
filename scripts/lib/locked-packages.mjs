import { readdirSync, readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { join } from 'node:path'
import { Failure } from './failure.mjs'
import { ROOT } from './paths.mjs'

/** Folders, as the lock file names them, of the packages that the sources below a folder import, and of theirs. */
export function packagesOf(folder) {
  const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8'))
  const found = new Set()
  const add = (name, importer, optional) => {
    const path = resolve(packages, name, importer)
    if (!path && optional) return
    if (!path) throw new Failure(`Cannot find package ${name} in package-lock.json: ${importer || folder} imports it`)
    if (found.has(path)) return
    found.add(path)
    for (const each of Object.keys(packages[path].dependencies ?? {})) add(each, path)
    for (const each of Object.keys(packages[path].optionalDependencies ?? {})) add(each, path, true)
  }
  for (const name of importedNames(join(ROOT, folder))) add(name, '')
  return [...found].sort()
}

/** As Node resolves it: in the importer's own folder first, then further out. */
function resolve(packages, name, importer) {
  for (let folder = importer; ;) {
    const path = folder ? `${folder}/node_modules/${name}` : `node_modules/${name}`
    if (packages[path]) return path
    if (!folder) return undefined
    const end = folder.lastIndexOf('/node_modules/')
    folder = end < 0 ? '' : folder.slice(0, end)
  }
}

function importedNames(folder) {
  const names = new Set()
  for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.ts')) continue
    const source = readFileSync(join(folder, file), 'utf8')
    for (const [, specifier] of source.matchAll(/^(?:import|export)\b(?:[^'";=]*?\bfrom)?\s*['"]([^'"]+)['"]/gm)) {
      if (specifier.startsWith('.') || specifier.startsWith('node:')) continue
      const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
      if (!builtinModules.includes(name)) names.add(name)
    }
  }
  return names
}
