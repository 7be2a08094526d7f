module example.com/shop/worker

go 1.26

require (
	example.com/shop/catalog v0.0.0
	github.com/robfig/cron/v3 v3.0.1
)

replace example.com/shop/catalog => ../catalog
