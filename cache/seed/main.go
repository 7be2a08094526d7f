// Command seed moves Go's caches between cache mounts and a seed image. It runs inside the builder, where the mounts
// are: gobake compiles it there when it saves a seed, and the seed carries it along, so that restoring needs nothing
// but the seed itself.
//
//	seed list    DIR             what the mounts hold, one unit a line: KIND MTIME SIZE PATH
//	seed pack    UNITS FILE      the units of that list from the mounts into an archive
//	seed restore DIR             what the mounts lack, from the archives in DIR into the mounts
//
// Mounts lie in /mounts: gobuild (GOCACHE), gomod (GOMODCACHE) and one folder a golink mount. A unit is what is moved as
// a whole: a file of GOCACHE, a module's unpacked folder, a linked program.
package main

import (
	"bufio"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const mounts = "/mounts"

// unfinished ends the names of what is being restored; the real name comes with a rename, so that a build that reads the
// mount at this moment, or a restore that was interrupted, shows all of a thing or nothing.
const unfinished = ".part"

// links is where a build that runs at this moment puts a program together (GOTMPDIR of the recipe).
const links = "tmp/"

// old is the time of everything in a seed: the same content gives the same bytes, and what Go touches later tells that
// it was used. Go does so for entries that it has not touched for an hour (cmd/go/internal/cache, used).
var old = time.Unix(0, 0)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "seed:", err)
		os.Exit(1)
	}
}

func run(words []string) error {
	switch {
	case len(words) == 2 && words[0] == "list":
		return list(words[1])
	case len(words) == 3 && words[0] == "pack":
		return pack(words[1], words[2])
	case len(words) == 2 && words[0] == "restore":
		return restore(words[1])
	}
	return fmt.Errorf("unknown words %q", words)
}

// ---- list

func list(into string) error {
	if err := os.MkdirAll(into, 0o755); err != nil {
		return err
	}
	file, err := os.Create(filepath.Join(into, "units"))
	if err != nil {
		return err
	}
	out := bufio.NewWriter(file)
	if err := eachUnit(mounts, func(unit, kind string, size int64, changed time.Time) {
		fmt.Fprintf(out, "%s %d %d %s\n", kind, changed.Unix(), size, unit)
	}); err != nil {
		return err
	}
	if err := out.Flush(); err != nil {
		return err
	}
	return file.Close()
}

// eachUnit calls back in the order of paths. What one machine needs and no other does is passed over: locks, clones of
// version control, archives whose content lies unpacked beside them, and the cache's own book-keeping.
func eachUnit(root string, found func(unit, kind string, size int64, changed time.Time)) error {
	return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == root {
			return ignoreGone(err)
		}
		unit, _ := filepath.Rel(root, path)
		mount, inside, _ := strings.Cut(unit, string(filepath.Separator))
		if entry.IsDir() {
			if mount != "gomod" {
				return nil
			}
			if inside == "cache/vcs" || inside == "cache/download/sumdb" {
				return filepath.SkipDir
			}
			if isModule(entry.Name()) {
				size, err := sizeOf(path)
				if err == nil {
					found(unit, "module", size, old)
				}
				if err := ignoreGone(err); err != nil {
					return err
				}
				return filepath.SkipDir
			}
			return nil
		}
		kind := kindOf(mount, inside)
		if kind == "" || !entry.Type().IsRegular() {
			return nil
		}
		info, err := entry.Info()
		if err != nil {
			return ignoreGone(err)
		}
		found(unit, kind, info.Size(), info.ModTime())
		return nil
	})
}

func kindOf(mount, inside string) string {
	switch {
	case mount == "gobuild":
		folder, name := filepath.Split(inside)
		if len(folder) == 3 && (strings.HasSuffix(name, "-a") || strings.HasSuffix(name, "-d")) {
			return "object"
		}
	case mount == "gomod":
		for _, ending := range []string{".info", ".mod", ".ziphash"} {
			if strings.HasPrefix(inside, "cache/download/") && strings.HasSuffix(inside, ending) {
				return "download"
			}
		}
	case strings.HasPrefix(mount, "golink"):
		if !strings.HasSuffix(inside, unfinished) && !strings.HasPrefix(inside, links) {
			return "program"
		}
	}
	return ""
}

// isModule: a folder such as golang.org/x/text@v0.31.0, which is moved as a whole.
func isModule(name string) bool {
	return strings.Contains(name, "@") && name != "@v" && !strings.HasSuffix(name, unfinished)
}

func sizeOf(folder string) (size int64, err error) {
	err = filepath.WalkDir(folder, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			size += info.Size()
		}
		return err
	})
	return size, err
}

// ignoreGone: another build may work in the same mounts, and an entry that it removed is no error.
func ignoreGone(err error) error {
	if os.IsNotExist(err) {
		return nil
	}
	return err
}
