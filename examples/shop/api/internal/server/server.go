// Package server is the HTTP side of the shop.
package server

import (
	_ "embed"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"example.com/shop/catalog"
)

//go:embed index.html
var index []byte

// New returns the handler of all routes. Every handler has its own metrics
// registry, so that tests can make as many as they like.
func New(c *catalog.Catalog, version string) http.Handler {
	registry := prometheus.NewRegistry()
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "shop_http_requests_total",
		Help: "Requests by route, method and status code.",
	}, []string{"route", "method", "code"})
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name:        "shop_build_info",
		Help:        "Always 1; the version is in the label.",
		ConstLabels: prometheus.Labels{"version": version},
	})
	build.Set(1)
	registry.MustRegister(requests, build, collectors.NewGoCollector())

	mux := http.NewServeMux()
	counted := func(route string, handler http.HandlerFunc) {
		labels := prometheus.Labels{"route": route}
		mux.Handle("GET "+route, promhttp.InstrumentHandlerCounter(requests.MustCurryWith(labels), handler))
	}
	counted("/{$}", showIndex)
	counted("/products", listProducts(c))
	counted("/time", tellTime)
	// Probes and scrapes are not counted: they would drown everything else.
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "ok\n")
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	return mux
}

func showIndex(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Write(index)
}

// listProducts answers /products and /products?category=garden.
func listProducts(c *catalog.Catalog) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		writeJSON(w, c.Products(r.URL.Query().Get("category")))
	}
}

// tellTime answers /time?zone=Europe/Berlin, and with UTC if no zone is named.
// It needs the time zone database of the machine, or the file that the
// environment variable ZONEINFO points to.
func tellTime(w http.ResponseWriter, r *http.Request) {
	location, err := time.LoadLocation(r.URL.Query().Get("zone"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	writeJSON(w, map[string]string{
		"zone": location.String(),
		"time": time.Now().In(location).Format(time.RFC3339),
	})
}

func writeJSON(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(value); err != nil {
		slog.Warn("cannot send the answer", "error", err)
	}
}
