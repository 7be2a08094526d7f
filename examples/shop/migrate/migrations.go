package main

import (
	"cmp"
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

//go:embed migrations/*.sql
var embedded embed.FS

// migration is one .sql file, named NUMBER_WHAT_IT_DOES.sql.
type migration struct {
	number int
	file   string
	sql    string
}

// load reads all migrations, ordered by their numbers.
func load(files fs.FS) ([]migration, error) {
	paths, err := fs.Glob(files, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	var migrations []migration
	for _, name := range paths {
		file := path.Base(name)
		digits, _, _ := strings.Cut(file, "_")
		number, err := strconv.Atoi(digits)
		if err != nil || number < 1 {
			return nil, fmt.Errorf("%s does not start with a number and an underscore", file)
		}
		sql, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		migrations = append(migrations, migration{number: number, file: file, sql: string(sql)})
	}
	slices.SortFunc(migrations, func(a, b migration) int { return cmp.Compare(a.number, b.number) })
	for i := 1; i < len(migrations); i++ {
		if before := migrations[i-1]; before.number == migrations[i].number {
			return nil, fmt.Errorf("%s and %s have the same number", before.file, migrations[i].file)
		}
	}
	return migrations, nil
}
