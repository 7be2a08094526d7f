// Command api serves the catalogue over HTTP.
package main

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"example.com/shop/api/internal/server"
	"example.com/shop/catalog"
)

// version is set while linking: go build -ldflags "-X main.version=v1.2.3".
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	switch err := run(ctx, os.Args[1:], os.Stdout); {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "api:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("api", flag.ContinueOnError)
	showVersion := flags.Bool("version", false, "print the version and exit")
	checkRoots := flags.Bool("check-ca", false, "count the root certificates of this system and exit")
	if err := flags.Parse(args); err != nil {
		return err
	}
	switch {
	case *showVersion:
		fmt.Fprintln(stdout, "api", version)
		return nil
	case *checkRoots:
		pool, err := x509.SystemCertPool()
		if err != nil {
			return err
		}
		return checkCA(pool, stdout)
	}

	listener, err := net.Listen("tcp", cmp.Or(os.Getenv("ADDR"), ":8080"))
	if err != nil {
		return err
	}
	return serve(ctx, listener)
}

// checkCA says how many root certificates there are. An image without any
// could not open a TLS connection to anyone, which is better found out early.
func checkCA(pool *x509.CertPool, stdout io.Writer) error {
	// Subjects is deprecated because it leaves out the system's roots on macOS
	// and Windows. On Linux they come from files and are all in the pool.
	count := len(pool.Subjects()) //nolint:staticcheck
	fmt.Fprintln(stdout, count, "root certificates")
	if count == 0 {
		return errors.New("there are no root certificates on this system")
	}
	return nil
}

// serve answers requests until ctx ends, and then finishes those under way.
func serve(ctx context.Context, listener net.Listener) error {
	products, err := catalog.Load()
	if err != nil {
		return err
	}
	httpServer := &http.Server{
		Handler:           server.New(products, version),
		ReadHeaderTimeout: 5 * time.Second,
	}
	failed := make(chan error, 1)
	go func() { failed <- httpServer.Serve(listener) }()
	slog.Info("listening", "address", listener.Addr().String(), "version", version)

	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	slog.Info("shutting down")
	grace, cancel := context.WithTimeout(context.Background(), 8*time.Second)
	defer cancel()
	return httpServer.Shutdown(grace)
}
