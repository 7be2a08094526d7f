package main

import (
	"archive/tar"
	"bufio"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// pack writes the units of a list into a tar. A layer of a seed is this one file: BuildKit has one file to unpack before
// a restore, and the many small ones are written once, straight into the mounts.
func pack(listed, into string) error {
	list, err := os.Open(listed)
	if err != nil {
		return err
	}
	defer list.Close()
	file, err := os.Create(into)
	if err != nil {
		return err
	}
	buffered := bufio.NewWriterSize(file, 1<<20)
	archive := tar.NewWriter(buffered)
	found := map[string]bool{} // by mount: whether anything that was listed of it is there
	lines := bufio.NewScanner(list)
	next := make(chan chan entry, ahead)
	var failed error
	go func() {
		defer close(next)
		for lines.Scan() && failed == nil {
			mount, _, _ := strings.Cut(lines.Text(), "/")
			var there bool
			there, failed = eachEntry(lines.Text(), next)
			found[mount] = found[mount] || there
		}
	}()
	for one := range next {
		if err := write(archive, <-one); err != nil {
			return err
		}
	}
	if failed != nil {
		return failed
	}
	if err := lines.Err(); err != nil {
		return err
	}
	for mount, some := range found {
		if !some { // BuildKit gives a step an empty mount while it measures the right one
			return fmt.Errorf("%s holds nothing of what it held when it was listed; save again", mount)
		}
	}
	if err := archive.Close(); err != nil {
		return err
	}
	if err := buffered.Flush(); err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	return os.Chtimes(into, old, old)
}

// ahead is how many files are read while the one before them is written.
const ahead = 8

type entry struct {
	header  *tar.Header // nil: it is gone
	content []byte
	err     error
}

// eachEntry has the files and folders of a unit read, in their order, and tells whether it is there at all: another build
// may have removed it since it was listed.
func eachEntry(unit string, next chan<- chan entry) (there bool, err error) {
	err = filepath.WalkDir(filepath.Join(mounts, unit), func(path string, found fs.DirEntry, err error) error {
		if err != nil {
			return ignoreGone(err)
		}
		info, err := found.Info()
		if err != nil {
			return ignoreGone(err)
		}
		name, _ := filepath.Rel(mounts, path)
		there = true
		one := make(chan entry, 1)
		switch {
		case found.IsDir():
			one <- entry{header: header(name+"/", info.Mode(), 0)}
		case found.Type().IsRegular():
			go func() { one <- read(path, name, info.Mode()) }()
		default:
			return nil
		}
		next <- one
		return nil
	})
	return there, err
}

func read(path, name string, mode fs.FileMode) entry {
	content, err := os.ReadFile(path) // whole: what is replaced meanwhile may have another size than it was listed with
	if err != nil {
		return entry{err: ignoreGone(err)}
	}
	return entry{header: header(name, mode, len(content)), content: content}
}

func write(archive *tar.Writer, one entry) error {
	if one.err != nil || one.header == nil {
		return one.err
	}
	if err := archive.WriteHeader(one.header); err != nil {
		return err
	}
	_, err := archive.Write(one.content)
	return err
}

func header(name string, mode fs.FileMode, size int) *tar.Header {
	kind := byte(tar.TypeReg)
	if strings.HasSuffix(name, "/") {
		kind = tar.TypeDir
	}
	return &tar.Header{Typeflag: kind, Name: name, Mode: int64(mode.Perm()), Size: int64(size), ModTime: old}
}
