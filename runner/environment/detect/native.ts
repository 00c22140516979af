import type { Folder } from './folder.ts'
import { buildFolder, onCopy } from './keep-clean.ts'
import { emptyPart } from './part.ts'
import type { OpenPart, Part } from './part.ts'

const SOURCE = /\.(c|cc|cpp|cxx|h|hh|hpp|s|S|asm|f|f90)$/

/** C, C++ and their like, by the build system that is there. What it builds goes outside the work tree if it can. */
export function detectNative(folder: Folder): Part | undefined {
  if (!folder.below.some((path) => SOURCE.test(path))) return undefined
  const part = emptyPart('C')
  part.coversBelow = true
  if (folder.has('CMakeLists.txt')) addCmake(part, folder)
  else if (folder.has('meson.build')) addMeson(part, folder)
  else if (folder.first('configure', 'configure.ac', 'autogen.sh') !== undefined) addConfigure(part, folder)
  else if (!addMake(part, folder)) return undefined
  return part
}

/** A Makefile of a project in no known language, for its target that checks. */
export function detectMake(folder: Folder): Part | undefined {
  const target = testTarget(folder)
  if (target === undefined) return undefined
  const why = `nothing else says how it is tested, and the Makefile has a target "${target}"`
  // The first target may be anything, as far as publishing: only this one is run.
  return {
    ...emptyPart('Make'),
    verification: [{ run: `make ${target}`, why, from: folder.at(makefile(folder) ?? '') }],
  }
}

function addCmake(part: OpenPart, folder: Folder): void {
  const from = folder.at('CMakeLists.txt')
  const build = buildFolder(folder)
  const configure = `cmake -S . -B ${build}`
  part.verification.push({
    run: `${configure} && cmake --build ${build} --parallel 2`,
    why: 'CMake builds the project',
    from,
  })
  if (/enable_testing|add_test|include\s*\(\s*CTest/i.test(folder.text('CMakeLists.txt') ?? ''))
    part.verification.push({
      run: `ctest --test-dir ${build} --output-on-failure`,
      why: 'the project has tests of CTest',
      from,
    })
}

function addMeson(part: OpenPart, folder: Folder): void {
  const from = folder.at('meson.build')
  const build = buildFolder(folder)
  part.verification.push({
    run: `meson setup ${build} && meson compile -C ${build}`,
    why: 'Meson builds the project',
    from,
  })
  part.verification.push({ run: `meson test -C ${build}`, why: 'Meson runs its tests', from })
}

function addConfigure(part: OpenPart, folder: Folder): void {
  const own = folder.first('configure')
  const from = folder.at(own ?? folder.first('autogen.sh', 'configure.ac') ?? '')
  if (own !== undefined) {
    const build = buildFolder(folder)
    const run = `mkdir -p ${build} && src=$PWD && cd ${build} && sh "$src/configure" && make -j2 && make check`
    part.verification.push({ run: `(${run})`, why: 'configure makes the Makefile, outside the work tree', from })
    return
  }
  // What Autotools write lies beside the sources: on a copy they leave the work tree as it is.
  const prepare = folder.has('autogen.sh') ? 'NOCONFIGURE=1 sh ./autogen.sh' : 'autoreconf -i'
  part.verification.push({
    run: onCopy(folder, `${prepare} && sh ./configure && make -j2 && make check`),
    why: 'Autotools make configure and the Makefile, on a copy of the work tree',
    from,
  })
}

function addMake(part: OpenPart, folder: Folder): boolean {
  const name = makefile(folder)
  if (name === undefined) return false
  const from = folder.at(name)
  const target = testTarget(folder)
  if (target === undefined)
    part.notes.push({ what: 'no tests were found', why: 'the Makefile has no target "test" or "check"', from })
  if (folder.isIgnoring) {
    part.verification.push({ run: 'make', why: 'the project is built by make', from })
    if (target !== undefined)
      part.verification.push({ run: `make ${target}`, why: `the Makefile has a target "${target}"`, from })
    return true
  }
  const run = onCopy(folder, target === undefined ? 'make' : `make && make ${target}`)
  const why = 'make builds and tests on a copy of the work tree: no .gitignore names what it writes'
  part.verification.push({ run, why, from })
  return true
}

const makefile = (folder: Folder) => folder.first('GNUmakefile', 'makefile', 'Makefile')

/** The target that checks, by its usual names. */
export function testTarget(folder: Folder): string | undefined {
  const text = folder.text(makefile(folder) ?? '') ?? ''
  const targets = new Set(
    text.split('\n').flatMap((line) => /^([\w. -]{1,200}):(?!=)/.exec(line)?.[1]?.split(' ') ?? []),
  )
  return ['test', 'check', 'tests'].find((each) => targets.has(each))
}
