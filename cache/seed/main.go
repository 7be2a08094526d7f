// Command seed moves Go's caches between cache mounts and a seed image. It runs inside the builder, where the mounts
// are: gobake compiles it there when it saves a seed, and the seed carries it along, so that restoring needs nothing
// but the seed itself.
//
//	seed list    DIR             what the mounts hold, one unit a line: KIND MTIME SIZE PATH
//	seed copy    UNITS DIR       the units of that list from the mounts into DIR
//	seed restore DIR             what the mounts lack, from DIR into the mounts
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
	"strconv"
	"strings"
	"time"
)

const mounts = "/mounts"

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
	case len(words) == 3 && words[0] == "copy":
		return copyUnits(words[1], words[2])
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
			if isModule(entry) {
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
	case strings.HasPrefix(mount, "golink") && !strings.HasSuffix(inside, unfinished):
		return "program"
	}
	return ""
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

// ---- copy

func copyUnits(listed, into string) error {
	file, err := os.Open(listed)
	if err != nil {
		return err
	}
	defer file.Close()
	var moved mover
	touched := map[string]bool{} // folders right below into
	found := map[string]bool{}   // by mount: whether anything that was listed of it is there
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		unit := lines.Text()
		mount, _, _ := strings.Cut(unit, "/")
		touched[filepath.Join(into, mount)] = true
		from := filepath.Join(mounts, unit)
		info, err := os.Lstat(from)
		if err != nil {
			if _, some := found[mount]; !some {
				found[mount] = false
			}
			continue // another build has removed it since it was listed
		}
		found[mount] = true
		if info.IsDir() {
			err = moved.folder(from, filepath.Join(into, unit))
		} else {
			err = moved.file(from, filepath.Join(into, unit), info.Mode())
		}
		if err != nil {
			return err
		}
	}
	if err := moved.wait(); err != nil {
		return err
	}
	if err := lines.Err(); err != nil {
		return err
	}
	for mount, some := range found {
		if !some { // BuildKit gives a step an empty mount while it measures the right one
			return fmt.Errorf("%s holds nothing of what it held when it was listed; save again", mount)
		}
	}
	for folder := range touched {
		if err := datedFolders(folder); ignoreGone(err) != nil {
			return err
		}
	}
	return nil
}

// datedFolders gives the folders the old time as well, the deepest first.
func datedFolders(root string) error {
	var folders []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			folders = append(folders, path)
		}
		return err
	})
	for i := len(folders) - 1; i >= 0 && err == nil; i-- {
		err = os.Chtimes(folders[i], old, old)
	}
	return err
}

// ---- restore

// restore fills the mounts in an order that is safe to be interrupted: Go takes an object whose size is not the recorded
// one for missing, and a module's folder for incomplete until the .ziphash beside its download exists.
func restore(from string) error {
	report, err := os.Create(filepath.Join(from, "restored"))
	if err != nil {
		return err
	}
	folders, err := os.ReadDir(mounts)
	if err != nil {
		return err
	}
	for _, mount := range folders {
		var moved mover
		begun := time.Now()
		source, target := filepath.Join(from, mount.Name()), filepath.Join(mounts, mount.Name())
		if _, err := os.Stat(source); err != nil {
			continue
		}
		downloads := filepath.Join(source, "cache", "download")
		if err := moved.missing(source, target, downloads); err != nil {
			return err
		}
		if err := moved.wait(); err != nil {
			return err
		}
		if err := moved.missing(downloads, filepath.Join(target, "cache", "download"), ""); ignoreGone(err) != nil {
			return err
		}
		if err := moved.wait(); err != nil {
			return err
		}
		if mount.Name() == "gobuild" {
			if err := postponeTrim(target); err != nil {
				return err
			}
		}
		fmt.Fprintf(report, "%s %d %d %.3f\n", mount.Name(), moved.files.Load(), moved.bytes.Load(), time.Since(begun).Seconds())
	}
	return report.Close()
}

// postponeTrim: Go removes what looks unused for five days, once a day by the time in trim.txt; without the file, or with
// the one of a mount that nobody has used since yesterday, it would begin with what has just been restored, at the end of
// the first of several builds (cmd/go/internal/cache, Trim).
func postponeTrim(gobuild string) error {
	return os.WriteFile(filepath.Join(gobuild, "trim.txt"), []byte(strconv.FormatInt(time.Now().Unix(), 10)), 0o666)
}
