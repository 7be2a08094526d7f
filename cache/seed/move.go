package main

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
)

// unfinished ends the names of what is being copied; the real name comes with a rename, so that a build that reads the
// mount at this moment, or a copy that was interrupted, shows all of a thing or nothing.
const unfinished = ".part"

var copiers = make(chan struct{}, 8)

// isModule: a folder such as golang.org/x/text@v0.31.0, which is moved as a whole.
func isModule(entry fs.DirEntry) bool {
	name := entry.Name()
	return entry.IsDir() && strings.Contains(name, "@") && name != "@v" && !strings.HasSuffix(name, unfinished)
}

type mover struct {
	group  sync.WaitGroup
	failed atomic.Pointer[error]
	files  atomic.Int64
	bytes  atomic.Int64
}

func (m *mover) wait() error {
	m.group.Wait()
	if failed := m.failed.Load(); failed != nil {
		return *failed
	}
	return nil
}

// missing copies what the target lacks; a module's folder counts as one piece.
func (m *mover) missing(source, target, leaveOut string) error {
	return filepath.WalkDir(source, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if leaveOut != "" && path == leaveOut {
			return filepath.SkipDir
		}
		inside, _ := filepath.Rel(source, path)
		place := filepath.Join(target, inside)
		if isModule(entry) {
			if _, err := os.Lstat(place); err == nil {
				return filepath.SkipDir
			}
			if err := m.folder(path, place); err != nil {
				return err
			}
			return filepath.SkipDir
		}
		if entry.IsDir() {
			return os.MkdirAll(place, 0o755)
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if there, err := os.Lstat(place); err == nil && there.Size() == info.Size() {
			return nil
		}
		return m.file(path, place, info.Mode())
	})
}

// folder copies a whole folder. Its folders are writable while they are filled; module folders end up read-only.
func (m *mover) folder(source, target string) error {
	type mode struct {
		path string
		mode fs.FileMode
	}
	var modes []mode
	var part mover
	filled := target + unfinished
	if err := os.RemoveAll(filled); err != nil {
		return err
	}
	err := filepath.WalkDir(source, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		inside, _ := filepath.Rel(source, path)
		place := filepath.Join(filled, inside)
		switch {
		case entry.IsDir():
			modes = append(modes, mode{place, info.Mode().Perm()})
			return os.MkdirAll(place, 0o755)
		case entry.Type().IsRegular():
			return part.file(path, place, info.Mode())
		}
		return nil
	})
	if failed := part.wait(); err == nil {
		err = failed
	}
	m.files.Add(part.files.Load())
	m.bytes.Add(part.bytes.Load())
	for i := len(modes) - 1; i >= 0 && err == nil; i-- {
		err = os.Chmod(modes[i].path, modes[i].mode)
	}
	if err == nil {
		err = os.Rename(filled, target)
	}
	return err
}

func (m *mover) file(source, target string, mode fs.FileMode) error {
	if failed := m.failed.Load(); failed != nil {
		return *failed
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	copiers <- struct{}{}
	m.group.Add(1)
	go func() {
		defer func() { <-copiers; m.group.Done() }()
		size, err := copyFile(source, target, mode.Perm())
		if ignoreGone(err) != nil {
			m.failed.CompareAndSwap(nil, &err)
		}
		m.files.Add(1)
		m.bytes.Add(size)
	}()
	return nil
}

func copyFile(source, target string, mode fs.FileMode) (int64, error) {
	in, err := os.Open(source)
	if err != nil {
		return 0, err
	}
	defer in.Close()
	part := target + unfinished
	out, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return 0, err
	}
	size, err := io.Copy(out, in)
	if closed := out.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Chmod(part, mode)
	}
	if err == nil {
		err = os.Chtimes(part, old, old)
	}
	if err == nil {
		err = os.Rename(part, target)
	}
	if err != nil {
		os.Remove(part)
	}
	return size, err
}
