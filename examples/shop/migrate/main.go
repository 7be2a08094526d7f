// Command migrate prints the SQL that brings the shop's database up to date,
// ready to be piped into the database's own client: migrate --after 2 | psql
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

// version is set while linking: go build -ldflags "-X main.version=v1.2.3".
var version = "dev"

func main() {
	switch err := run(os.Args[1:], os.Stdout); {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "migrate:", err)
		os.Exit(1)
	}
}

func run(args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("migrate", flag.ContinueOnError)
	showVersion := flags.Bool("version", false, "print the version and exit")
	list := flags.Bool("list", false, "print only the names of the migrations, in order")
	after := flags.Int("after", 0, "leave out the migrations up to this number")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *showVersion {
		_, err := fmt.Fprintln(stdout, "migrate", version)
		return err
	}
	migrations, err := load(embedded)
	if err != nil {
		return err
	}

	for _, m := range migrations {
		if m.number <= *after {
			continue
		}
		if *list {
			_, err = fmt.Fprintln(stdout, m.file)
		} else {
			_, err = fmt.Fprintf(stdout, "-- %s\n%s\n", m.file, m.sql)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
