import type { Folder } from './folder.ts'
import { emptyPart } from './part.ts'
import type { OpenPart, Part } from './part.ts'

const SOURCE = /\.(c|cc|cpp|cxx|h|hh|hpp|s|S|asm|f|f90)$/
const BUILD = '/tmp/build'

/** C, C++ and their like, by the build system that is there. What it builds goes outside the work tree if it can. */
export function detectNative(folder: Folder): Part | undefined {
  if (!folder.below.some((path) => SOURCE.test(path))) return undefined
  const part = emptyPart('C')
  part.coversBelow = true
  if (folder.has('CMakeLists.txt')) addCmake(part, folder)
  else if (folder.has('meson.build')) addMeson(part, folder)
  else if (folder.first('configure', 'configure.ac', 'autogen.sh') !== undefined) addConfigure(part, folder)
  else if (!addMake(part, folder, 'the project is built by make')) return undefined
  return part
}

/** A Makefile of a project in no known language, for its target that checks. */
export function detectMake(folder: Folder): Part | undefined {
  const part = emptyPart('Make')
  return testTarget(folder) !== undefined && addMake(part, folder, 'nothing else says how it is tested')
    ? part
    : undefined
}

function addCmake(part: OpenPart, folder: Folder): void {
  const from = folder.at('CMakeLists.txt')
  const configure = `cmake -S . -B ${BUILD}`
  part.verification.push({
    run: `${configure} && cmake --build ${BUILD} --parallel 2`,
    why: 'CMake builds the project',
    from,
  })
  if (/enable_testing|add_test|include\s*\(\s*CTest/i.test(folder.text('CMakeLists.txt') ?? ''))
    part.verification.push({
      run: `ctest --test-dir ${BUILD} --output-on-failure`,
      why: 'the project has tests of CTest',
      from,
    })
}

function addMeson(part: OpenPart, folder: Folder): void {
  const from = folder.at('meson.build')
  part.verification.push({
    run: `meson setup ${BUILD} && meson compile -C ${BUILD}`,
    why: 'Meson builds the project',
    from,
  })
  part.verification.push({ run: `meson test -C ${BUILD}`, why: 'Meson runs its tests', from })
}

function addConfigure(part: OpenPart, folder: Folder): void {
  const own = folder.first('configure')
  const from = folder.at(own ?? folder.first('autogen.sh', 'configure.ac') ?? '')
  if (own !== undefined) {
    const run = `mkdir -p ${BUILD} && src=$PWD && cd ${BUILD} && sh "$src/configure" && make -j2 && make check`
    part.verification.push({ run: `(${run})`, why: 'configure makes the Makefile, outside the work tree', from })
    return
  }
  // What Autotools write lies beside the sources: on a copy they leave the work tree as it is.
  const prepare = folder.has('autogen.sh') ? 'NOCONFIGURE=1 sh ./autogen.sh' : 'autoreconf -i'
  const run = `rm -rf ${BUILD} && cp -r . ${BUILD} && cd ${BUILD} && ${prepare} && sh ./configure && make -j2 && make check`
  part.verification.push({
    run: `(${run})`,
    why: 'Autotools make configure and the Makefile, on a copy of the work tree',
    from,
  })
}

function addMake(part: OpenPart, folder: Folder, why: string): boolean {
  const name = makefile(folder)
  if (name === undefined) return false
  const from = folder.at(name)
  const target = testTarget(folder)
  part.verification.push({ run: 'make', why, from })
  if (target === undefined) {
    part.notes.push({ what: 'no tests were found', why: 'the Makefile has no target "test" or "check"', from })
  } else part.verification.push({ run: `make ${target}`, why: `the Makefile has a target "${target}"`, from })
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
