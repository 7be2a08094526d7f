package server

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"example.com/shop/catalog"
)

func newHandler(t *testing.T) http.Handler {
	t.Helper()
	c, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	return New(c, "v1.2.3")
}

func get(t *testing.T, handler http.Handler, target string) *httptest.ResponseRecorder {
	t.Helper()
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, target, nil))
	return answer
}

func TestHealthz(t *testing.T) {
	answer := get(t, newHandler(t), "/healthz")
	if answer.Code != http.StatusOK || answer.Body.String() != "ok\n" {
		t.Errorf("%d %q", answer.Code, answer.Body)
	}
}

func TestIndexIsOnlyAtTheRoot(t *testing.T) {
	handler := newHandler(t)
	answer := get(t, handler, "/")
	if answer.Code != http.StatusOK || !strings.Contains(answer.Body.String(), "<h1>The shop</h1>") {
		t.Errorf("%d %q", answer.Code, answer.Body)
	}
	if answer := get(t, handler, "/nowhere"); answer.Code != http.StatusNotFound {
		t.Errorf("/nowhere answers %d", answer.Code)
	}
}

func TestProducts(t *testing.T) {
	for target, want := range map[string]int{
		"/products":                  8,
		"/products?category=kitchen": 3,
		"/products?category=moon":    0,
	} {
		answer := get(t, newHandler(t), target)
		var products []catalog.Product
		if err := json.Unmarshal(answer.Body.Bytes(), &products); err != nil {
			t.Fatalf("%s: %v", target, err)
		}
		if products == nil || len(products) != want {
			t.Errorf("%s lists %#v, want %d products", target, products, want)
		}
	}
}

func TestTime(t *testing.T) {
	handler := newHandler(t)
	for target, zone := range map[string]string{
		"/time?zone=Europe/Berlin": "Europe/Berlin",
		"/time":                    "UTC",
	} {
		var told struct {
			Zone string
			Time time.Time
		}
		answer := get(t, handler, target)
		if err := json.Unmarshal(answer.Body.Bytes(), &told); err != nil {
			t.Fatalf("%s: %v in %q", target, err, answer.Body)
		}
		if told.Zone != zone || time.Since(told.Time).Abs() > time.Minute {
			t.Errorf("%s tells %+v", target, told)
		}
	}
}

func TestTimeRefusesAnUnknownZone(t *testing.T) {
	for _, zone := range []string{"Europe/Atlantis", "../../etc/passwd"} {
		if answer := get(t, newHandler(t), "/time?zone="+zone); answer.Code != http.StatusBadRequest {
			t.Errorf("%s answers %d %q", zone, answer.Code, answer.Body)
		}
	}
}

func TestMetricsCountRequestsByRoute(t *testing.T) {
	handler := newHandler(t)
	get(t, handler, "/products")
	get(t, handler, "/products?category=garden")
	get(t, handler, "/time?zone=Europe/Atlantis")
	metrics := get(t, handler, "/metrics").Body.String()
	for _, line := range []string{
		`shop_http_requests_total{code="200",method="get",route="/products"} 2`,
		`shop_http_requests_total{code="400",method="get",route="/time"} 1`,
		`shop_build_info{version="v1.2.3"} 1`,
	} {
		if !strings.Contains(metrics, line+"\n") {
			t.Errorf("no %s in\n%s", line, metrics)
		}
	}
}
