package main

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// restore fills the mounts in an order that is safe to be interrupted: Go takes an object whose size is not the recorded
// one for missing, and a module's folder for incomplete until the .ziphash beside its download exists.
func restore(from string) error {
	report, err := os.Create(filepath.Join(from, "restored"))
	if err != nil {
		return err
	}
	units, err := unitsIn(from)
	if err != nil {
		return err
	}
	folders, err := os.ReadDir(mounts)
	if err != nil {
		return err
	}
	for _, mount := range folders {
		var written writer
		begun := time.Now()
		var first, downloads []unit
		for _, unit := range units {
			switch {
			case strings.HasPrefix(unit.path, "gomod/cache/download/") && mount.Name() == "gomod":
				downloads = append(downloads, unit)
			case strings.HasPrefix(unit.path, mount.Name()+"/"):
				first = append(first, unit)
			}
		}
		for _, some := range [][]unit{first, downloads} {
			if err := written.missing(some); err != nil {
				return err
			}
		}
		if mount.Name() == "gobuild" && len(first) > 0 {
			if err := postponeTrim(filepath.Join(mounts, "gobuild")); err != nil {
				return err
			}
		}
		fmt.Fprintf(report, "%s %d %d %.3f\n", mount.Name(), written.files.Load(), written.bytes.Load(), time.Since(begun).Seconds())
	}
	return report.Close()
}

// postponeTrim: Go removes what looks unused for five days, once a day by the time in trim.txt; without the file, or with
// the one of a mount that nobody has used since yesterday, it would begin with what has just been restored, at the end of
// the first of several builds (cmd/go/internal/cache, Trim).
func postponeTrim(gobuild string) error {
	return os.WriteFile(filepath.Join(gobuild, "trim.txt"), []byte(strconv.FormatInt(time.Now().Unix(), 10)), 0o666)
}

// ---- what the archives hold

// A unit is a file, or a module's folder with all that is in it.
type unit struct {
	path   string
	pieces []piece
}

type piece struct {
	name    string // below the mounts' common folder
	mode    fs.FileMode
	folder  bool
	size    int64
	archive *os.File
	offset  int64 // of the content, in the archive
}

// unitsIn reads the headers of all archives; what a later one holds too counts as that one has it.
func unitsIn(from string) ([]unit, error) {
	names, err := filepath.Glob(filepath.Join(from, "units-*.tar"))
	if err != nil {
		return nil, err
	}
	slices.Reverse(names)
	var units []unit
	seen := map[string]bool{}
	for _, name := range names {
		file, err := os.Open(name) // stays open until the end
		if err != nil {
			return nil, err
		}
		found, err := scan(file)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Base(name), err)
		}
		for _, unit := range found {
			if !seen[unit.path] {
				units = append(units, unit)
			}
			seen[unit.path] = true
		}
	}
	return units, nil
}

func scan(file *os.File) ([]unit, error) {
	var units []unit
	reader := tar.NewReader(file) // seeks over contents, and reads not a byte further than a header
	for {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return units, nil
		}
		if err != nil {
			return nil, err
		}
		name := filepath.Clean(header.Name)
		if !filepath.IsLocal(name) {
			return nil, fmt.Errorf("%q is outside of the mounts", header.Name)
		}
		offset, err := file.Seek(0, io.SeekCurrent)
		if err != nil {
			return nil, err
		}
		next := piece{
			name:    name,
			mode:    header.FileInfo().Mode().Perm(),
			folder:  header.Typeflag == tar.TypeDir,
			size:    header.Size,
			archive: file,
			offset:  offset,
		}
		if last := len(units) - 1; last >= 0 && strings.HasPrefix(name, units[last].path+"/") {
			units[last].pieces = append(units[last].pieces, next)
		} else {
			units = append(units, unit{path: name, pieces: []piece{next}})
		}
	}
}

// ---- into the mounts

const writers = 8

// chunk is as much of a content as is in memory at a time.
const chunk = 1 << 20

var chunks = sync.Pool{New: func() any { return make([]byte, chunk) }}

type writer struct {
	failed atomic.Pointer[error]
	files  atomic.Int64
	bytes  atomic.Int64
}

// missing writes the units that the mounts lack, and waits for it.
func (w *writer) missing(units []unit) error {
	var group sync.WaitGroup
	queue := make(chan unit)
	for i := 0; i < writers; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for unit := range queue {
				if err := w.unit(unit); err != nil {
					w.failed.CompareAndSwap(nil, &err)
				}
			}
		}()
	}
	for _, unit := range units {
		if w.failed.Load() != nil {
			break
		}
		queue <- unit
	}
	close(queue)
	group.Wait()
	if failed := w.failed.Load(); failed != nil {
		return *failed
	}
	return nil
}

func (w *writer) unit(unit unit) error {
	target := filepath.Join(mounts, unit.path)
	whole := unit.pieces[0]
	if there, err := os.Lstat(target); err == nil && (whole.folder || there.Size() == whole.size) {
		return nil
	}
	part := target + unfinished
	if whole.folder {
		if err := os.RemoveAll(part); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	for _, piece := range unit.pieces {
		place := part + strings.TrimPrefix(piece.name, unit.path)
		if piece.folder { // writable while it is filled
			if err := os.Mkdir(place, 0o755); err != nil {
				return err
			}
		} else if err := w.file(piece, place); err != nil {
			return err
		}
	}
	for i := len(unit.pieces) - 1; i >= 0; i-- { // module folders end up read-only
		if piece := unit.pieces[i]; piece.folder {
			if err := os.Chmod(part+strings.TrimPrefix(piece.name, unit.path), piece.mode); err != nil {
				return err
			}
		}
	}
	return os.Rename(part, target)
}

func (w *writer) file(piece piece, place string) error {
	out, err := os.OpenFile(place, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	buffer := chunks.Get().([]byte)
	defer chunks.Put(buffer) //nolint:staticcheck // a slice of this size is worth its header
	for done := int64(0); done < piece.size && err == nil; {
		part := buffer[:min(chunk, piece.size-done)]
		if _, err = piece.archive.ReadAt(part, piece.offset+done); err == nil {
			_, err = out.Write(part)
		}
		done += int64(len(part))
	}
	if err == nil {
		err = out.Chmod(piece.mode)
	}
	if closed := out.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Chtimes(place, old, old)
	}
	w.files.Add(1)
	w.bytes.Add(piece.size)
	return err
}
