package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestVersion(t *testing.T) {
	var out strings.Builder
	if err := run(t.Context(), []string{"--version"}, &out); err != nil {
		t.Fatal(err)
	}
	if out.String() != "api dev\n" {
		t.Errorf("--version prints %q", out.String())
	}
}

func TestUnknownFlagIsAnError(t *testing.T) {
	if err := run(t.Context(), []string{"--colour"}, io.Discard); err == nil {
		t.Error("no error")
	}
}

func TestCheckCA(t *testing.T) {
	pool := x509.NewCertPool()
	var out strings.Builder
	if err := checkCA(pool, &out); err == nil || out.String() != "0 root certificates\n" {
		t.Errorf("an empty pool: error %v, output %q", err, out.String())
	}

	pool.AddCert(newRoot(t))
	out.Reset()
	if err := checkCA(pool, &out); err != nil || out.String() != "1 root certificates\n" {
		t.Errorf("a pool with one: error %v, output %q", err, out.String())
	}
}

func newRoot(t *testing.T) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "a root for this test"},
		NotAfter:     time.Now().Add(time.Hour),
		IsCA:         true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	root, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func TestServeUntilTheContextEnds(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- serve(ctx, listener) }()

	answer, err := http.Get("http://" + listener.Addr().String() + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Errorf("/healthz answers %s", answer.Status)
	}

	cancel()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the server does not stop")
	}
}
