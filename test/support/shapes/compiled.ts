import type { Shape } from './shape.ts'

const WARM = "go build ./... || echo 'go build failed; the agent will see why'"
const C = '#include "add.h"\nint add(int a, int b) { return a + b; }\n'
const C_TEST = '#include "add.h"\nint main(void) { return add(1, 2) == 3 ? 0 : 1; }\n'

export const GO_FILES = {
  'go.mod': 'module example.test/adding\n\ngo 1.21\n',
  'adding.go': 'package adding\n\nfunc Add(a, b int) int { return a + b }\n',
  'adding_test.go':
    'package adding\n\nimport "testing"\n\nfunc TestAdd(t *testing.T) {\n\tif Add(1, 2) != 3 {\n\t\tt.Fatal("no")\n\t}\n}\n',
}

export const JAVA_FILES = {
  'src/main/java/adding/Adding.java':
    'package adding;\n\npublic class Adding {\n  public static int add(int a, int b) { return a + b; }\n}\n',
  'src/test/java/adding/AddingTest.java':
    'package adding;\n\nimport org.junit.Test;\nimport static org.junit.Assert.assertEquals;\n\npublic class AddingTest {\n  @Test public void adds() { assertEquals(3, Adding.add(1, 2)); }\n}\n',
}

const go: Shape = {
  name: 'Go',
  files: GO_FILES,
  setup: [WARM],
  verification: ['go build ./...', 'go test ./...'],
}

const rust: Shape = {
  name: 'Rust',
  files: {
    '.gitignore': '/target\n',
    'Cargo.toml': '[package]\nname = "adding"\nversion = "0.1.0"\nedition = "2021"\n',
    'Cargo.lock': 'version = 3\n\n[[package]]\nname = "adding"\nversion = "0.1.0"\n',
    'rust-toolchain.toml': '[toolchain]\nchannel = "1.70"\n',
    'src/lib.rs':
      'pub fn add(a: i32, b: i32) -> i32 {\n    a + b\n}\n\n#[test]\nfn adds() {\n    assert_eq!(add(1, 2), 3);\n}\n',
  },
  setup: ['cargo fetch --locked'],
  verification: ['cargo build --locked', 'cargo test --locked'],
  reasons: [{ what: "rust 1.85, the image's", from: 'rust-toolchain.toml' }],
}

const maven: Shape = {
  name: 'Maven',
  files: {
    '.gitignore': 'target/\n',
    'pom.xml': `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>test.example</groupId>
  <artifactId>adding</artifactId>
  <version>1</version>
  <properties>
    <maven.compiler.source>17</maven.compiler.source>
    <maven.compiler.target>17</maven.compiler.target>
    <project.build.sourceEncoding>UTF-8</project.build.sourceEncoding>
  </properties>
  <dependencies>
    <dependency><groupId>junit</groupId><artifactId>junit</artifactId><version>4.13.2</version><scope>test</scope></dependency>
  </dependencies>
</project>
`,
    ...JAVA_FILES,
  },
  setup: [
    'mvn -B -ntp -Dmaven.test.failure.ignore=true test || mvn -B -ntp -s /opt/debian-maven.xml -Dmaven.test.failure.ignore=true test',
  ],
  verification: ['mvn -B -ntp -o test'],
}

const make: Shape = {
  name: 'C with make',
  files: {
    '.gitignore': '*.o\n/check\n',
    Makefile:
      'check: add.o check.o\n\t$(CC) -o $@ $^\n\nadd.o check.o: add.h\n\ntest: check\n\t./check\n\n.PHONY: test\n',
    'add.h': 'int add(int a, int b);\n',
    'add.c': C,
    'check.c': C_TEST,
  },
  setup: [],
  verification: ['make', 'make test'],
}

const cmake: Shape = {
  name: 'C++ with CMake',
  files: {
    'CMakeLists.txt':
      'cmake_minimum_required(VERSION 3.16)\nproject(adding CXX)\nenable_testing()\nadd_executable(check check.cpp)\nadd_test(NAME check COMMAND check)\n',
    'check.cpp': 'int main() { return 1 + 2 == 3 ? 0 : 1; }\n',
  },
  setup: [],
  verification: [
    'cmake -S . -B /tmp/build && cmake --build /tmp/build --parallel 2',
    'ctest --test-dir /tmp/build --output-on-failure',
  ],
}

export const COMPILED_SHAPES = [go, rust, maven, make, cmake]
