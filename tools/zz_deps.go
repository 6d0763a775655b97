package tools

import (
	_ "github.com/goccy/go-json"
	_ "github.com/golang-jwt/jwt/v5"
	_ "github.com/google/go-cmp/cmp"
	_ "github.com/rogpeppe/go-internal/testscript"
	_ "github.com/shopspring/decimal"
	_ "github.com/spf13/cobra"
	_ "modernc.org/sqlite"
	_ "pgregory.net/rapid"
)
