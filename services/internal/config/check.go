package config

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/orderstream/orderstream/contracts/money"
)

// mistake is one thing that is wrong in the file.
type mistake struct {
	path  string
	value string // as it is shown; empty: it is not
	rule  string
}

func (m mistake) Error() string {
	if m.value == "" {
		return m.path + ": " + m.rule
	}
	return m.path + " = " + m.value + ": " + m.rule
}

// joined makes one error of mistakes, sorted by path; nil of none.
func joined(list []mistake) error {
	slices.SortFunc(list, func(a, b mistake) int { return strings.Compare(a.Error(), b.Error()) })
	problems := make([]error, len(list))
	for i, m := range list {
		problems[i] = m
	}
	return errors.Join(problems...)
}

// news leaves out what follows from a mistake that is named already: a value taken out is not missing too.
func news(list, named []mistake) []mistake {
	return slices.DeleteFunc(list, func(m mistake) bool {
		return slices.ContainsFunc(named, func(n mistake) bool { return m.path == n.path || strings.HasPrefix(m.path, n.path+".") })
	})
}

// Check proves what the schema cannot say: references between sections, known zones, CIDRs, both halves of TLS.
func (c Config) Check() error { return joined(c.mistakes()) }

func (c Config) mistakes() []mistake {
	var list []mistake
	report := func(path string, value any, rule string) {
		list = append(list, mistake{path, strconv.Quote(fmt.Sprint(value)), rule})
	}
	for key, store := range c.Stores {
		if _, known := c.Accounts[store.Account]; !known {
			report("stores."+key+".account", store.Account, "want the key of a section under accounts")
		}
		if _, known := c.Mappings[store.Mapping]; !known {
			report("stores."+key+".mapping", store.Mapping, "want the key of a section under mappings")
		}
		if _, err := time.LoadLocation(store.TimeZone); err != nil {
			report("stores."+key+".time_zone", store.TimeZone, "want an IANA time zone, e.g. America/New_York")
		}
		if share := store.Stock.Share; share != nil && share.Weight > share.Total {
			report("stores."+key+".stock.share.weight", share.Weight, "want at most stock.share.total")
		}
		checkPrices(store.Prices, func(field, value, rule string) { report("stores."+key+".prices."+field, value, rule) })
	}
	for key, account := range c.Accounts {
		if account.Retry.First > account.Retry.Last {
			report("accounts."+key+".retry.first", account.Retry.First.Std().String(), "want at most retry.last")
		}
		if account.Retry.FirstProbe > account.Retry.LastProbe {
			report("accounts."+key+".retry.first_probe", account.Retry.FirstProbe.Std().String(), "want at most retry.last_probe")
		}
		if account.Watch.Fast > account.Watch.Idle {
			report("accounts."+key+".watch.fast", account.Watch.Fast.Std().String(), "want at most watch.idle")
		}
		checkCredentials(account, func(field, value, rule string) { report("accounts."+key+"."+field, value, rule) })
	}
	if (c.Ingest.TLSCertificate == "") != (c.Ingest.TLSKey == "") {
		report("ingest.tls_key", c.Ingest.TLSKey, "want both tls_certificate and tls_key, or neither")
	}
	if c.Ingest.MaxBodies < int64(c.Ingest.BodyLimit) {
		report("ingest.max_bodies", c.Ingest.MaxBodies, "want at least ingest.body_limit")
	}
	for _, name := range c.Notifier.Channels {
		if _, known := c.Channels[name]; !known {
			report("notifier.channels", name, "want the key of a section under channels")
		}
	}
	for path, cidrs := range map[string][]string{"ingest.allowed_sources": c.Ingest.AllowedSources, "ingest.trusted_proxies": c.Ingest.TrustedProxies} {
		for i, cidr := range cidrs {
			if _, err := netip.ParsePrefix(cidr); err != nil {
				report(fmt.Sprintf("%s.%d", path, i), cidr, "want a CIDR such as 203.0.113.0/24")
			}
		}
	}
	return list
}

func checkPrices(p *Prices, report func(field, value, rule string)) {
	if p == nil {
		return
	}
	if _, err := money.ParseCurrency(p.Currency); err != nil {
		report("currency", p.Currency, "want a code of ISO 4217, e.g. USD")
	}
	if p.SaleLevel != "" && p.SaleLevel == p.Level {
		report("sale_level", p.SaleLevel, "want another level than prices.level")
	}
}

// checkCredentials proves that an account has exactly one way to log in, and all of it.
func checkCredentials(a Account, report func(field, value, rule string)) {
	machine := []struct{ field, value string }{{"client_id", string(a.ClientID)}, {"certificate_id", string(a.Certificate)}, {"private_key", a.PrivateKey.String()}}
	for _, m := range machine {
		switch {
		case a.TBA == nil && m.value == "":
			report(m.field, m.value, "want client_id, certificate_id and private_key, or tba")
		case a.TBA != nil && m.value != "":
			report(m.field, m.value, "want it without tba: an account logs in in one way")
		}
	}
	if a.TBA != nil && a.Next != nil {
		report("next.certificate_id", string(a.Next.ID), "want it without tba: a token has no certificate")
	}
}
