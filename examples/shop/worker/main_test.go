package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"example.com/shop/catalog"
	"example.com/shop/worker/internal/stock"
)

func TestFlagsThatPrintALine(t *testing.T) {
	for flag, want := range map[string]string{
		"--version": "worker dev\n",
		"--once":    "8 products, 2 sold out\n",
	} {
		var out strings.Builder
		if err := run(t.Context(), []string{flag}, &out); err != nil {
			t.Fatal(err)
		}
		if out.String() != want {
			t.Errorf("%s prints %q, want %q", flag, out.String(), want)
		}
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return listener
}

func TestABadScheduleIsAnError(t *testing.T) {
	err := work(t.Context(), listen(t), stock.NewJob(catalog.Load), "now and then")
	if err == nil {
		t.Error("no error")
	}
}

func TestWorkUntilTheContextEnds(t *testing.T) {
	listener := listen(t)
	address := "http://" + listener.Addr().String()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- work(ctx, listener, stock.NewJob(catalog.Load), "@every 1s") }()

	if got := fetch(t, address+"/healthz"); got != "ok\n" {
		t.Errorf("/healthz answers %q", got)
	}
	deadline := time.Now().Add(10 * time.Second)
	for !strings.Contains(fetch(t, address+"/metrics"), "worker_products 8\n") {
		if time.Now().After(deadline) {
			t.Fatal("the job does not run")
		}
		time.Sleep(50 * time.Millisecond)
	}

	cancel()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the worker does not stop")
	}
}

func fetch(t *testing.T, url string) string {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
