// In the place of the stand-ins' compiler: for a package of the standard library it writes what the compiler itself
// made of that very package when the stand-in was made; everything else goes to the compiler.
//
// The key is the action ID that the go command passes: Go's own hash of the compiler, its flags and all that the
// package is made from. So Go runs a compiler for the same packages as ever, counts them, and gets the same bytes; an
// empty build cache is empty. Only the tests' processors have less to do, some hundred times.
package main

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

func main() {
	own, err := os.Executable()
	if err != nil {
		panic(err)
	}
	real, kept := own+".real", filepath.Join(filepath.Dir(own), "..", "..", "compiled")
	words := append([]string{"compile"}, os.Args[1:]...)
	id, _, _ := strings.Cut(after(words, "-buildid"), "/")
	outputs := map[string]string{"a": after(words, "-o"), "h": after(words, "-asmhdr")}
	standard := id != "" && outputs["a"] != "" && slices.Contains(words, "-std")
	if keep := os.Getenv("GOBAKE_HARNESS_KEEP"); standard && keep != "" {
		command := exec.Command(real, words[1:]...)
		command.Args[0], command.Stdout, command.Stderr = "compile", os.Stdout, os.Stderr
		if command.Run() != nil {
			os.Exit(1)
		}
		for kind, output := range outputs {
			if output != "" {
				pack(output, filepath.Join(keep, id+"."+kind))
			}
		}
		return
	}
	if standard && unpack(outputs, filepath.Join(kept, id)) {
		return
	}
	panic(syscall.Exec(real, words, os.Environ()))
}

// after gives the word that follows another.
func after(words []string, flag string) string {
	if at := slices.Index(words, flag); at >= 0 && at+1 < len(words) {
		return words[at+1]
	}
	return ""
}

func pack(from, to string) {
	content, err := os.ReadFile(from)
	if err != nil {
		panic(err)
	}
	var packed bytes.Buffer
	writer, _ := gzip.NewWriterLevel(&packed, gzip.DefaultCompression)
	writer.Write(content)
	writer.Close()
	if err := os.WriteFile(to, packed.Bytes(), 0o644); err != nil {
		panic(err)
	}
}

// unpack writes all outputs, or says that one of them is not kept whole; the compiler then writes them.
func unpack(outputs map[string]string, kept string) bool {
	contents := map[string][]byte{}
	for kind, output := range outputs {
		if output == "" {
			continue
		}
		packed, err := os.ReadFile(kept + "." + kind)
		if err != nil {
			return false
		}
		reader, err := gzip.NewReader(bytes.NewReader(packed))
		if err != nil {
			return false
		}
		content, err := io.ReadAll(reader) // gzip has a checksum
		if err != nil {
			return false
		}
		contents[output] = content
	}
	for output, content := range contents {
		if os.WriteFile(output, content, 0o666) != nil {
			return false
		}
	}
	return true
}
