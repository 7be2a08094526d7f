module seed

go 1.21
