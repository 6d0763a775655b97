module github.com/orderstream/orderstream/schemas

go 1.26.0
