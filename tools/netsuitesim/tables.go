package netsuitesim

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// tables are the columns of the SuiteQL tables that records fill. A column is
// text unless it says otherwise: # an id or count, $ an amount or number, @ a
// date. Amounts have at most 15 significant digits, which SQLite's numbers
// keep exactly.
var tables = map[string]string{
	"transaction": "id# type recordtype tranid externalid status entity# subsidiary# location# total$ foreigntotal$ otherrefnum" +
		" trandate@ lastmodifieddate@ createddate@ currency# exchangerate$ memo email shipmethod# shipcost$ taxtotal$ createdfrom# voided posting" +
		" postingperiod# duedate@ foreignamountpaid$ foreignamountunpaid$ paymentoption# paymentmethod# account# salesorder#",
	"transactionline": "transaction# id# linesequencenumber# uniquekey# item# itemtype quantity$ rate$ foreignamount$ netamount$" +
		" mainline taxline isclosed isfullyshipped memo location# subsidiary# entity# price# quantityshiprecv$ quantitybilled$ quantitypacked$" +
		" quantitypicked$ quantitycommitted$ quantitybackordered$ expectedshipdate@ iscogs createdfrom# lastmodifieddate@ linelastmodifieddate@",
	"previoustransactionlinelink": "previousdoc# nextdoc# previousline# nextline# linktype previoustype nexttype previousdate@ nextdate@ foreignamount$",
	"trackingnumbermap":           "transaction# trackingnumber#",
	"trackingnumber":              "id# trackingnumber",
	"customer": "id# entityid externalid email companyname firstname lastname altname isperson isinactive subsidiary# currency# phone" +
		" terms# pricelevel# category# datecreated@ lastmodifieddate@",
	"item": "id# itemid externalid itemtype isinactive displayname fullname description upccode subsidiary# parent# baseprice$ lastmodifieddate@",
	"aggregateitemlocation": "item# location# quantityavailable$ quantityonhand$ quantitycommitted$ quantitybackordered$ quantityonorder$" +
		" lastquantityavailablechange@",
	"pricing":          "item# pricelevel# currency# quantity# unitprice$",
	"itemprice":        "item# pricelevel# currencypage# quantity# price$",
	"location":         "id# name fullname externalid subsidiary# isinactive",
	"subsidiary":       "id# name fullname externalid parent# currency# country isinactive iselimination",
	"currency":         "id# name symbol externalid currencyprecision# exchangerate$ isbasecurrency isinactive",
	"salestaxitem":     "id# itemid name externalid rate$ taxtype# country state city isinactive",
	"taxtype":          "id# name externalid country isinactive",
	"account":          "id# name externalid acctnumber accttype accountsearchdisplayname isinactive",
	"paymentmethod":    "id# name externalid isinactive",
	"pricelevel":       "id# name externalid discountpct$ isinactive",
	"accountingperiod": "id# name startdate@ enddate@ externalid isinactive",
	"department":       "id# name externalid isinactive",
	"classification":   "id# name externalid isinactive",
	"term":             "id# name externalid isinactive",
	"customerstatus":   "id# name externalid isinactive",
	"customercategory": "id# name externalid isinactive",
	"shipitem":         "id# itemid externalid displayname isinactive",
	"deletedrecord":    "recordid# type name deleteddate@",
	"dual":             "dummy",
}

// displayed are the columns that BUILTIN.DF has a name for.
var displayed = []string{"postingperiod", "createdfrom", "status", "type", "entity", "item", "currency", "subsidiary", "location", "taxtype", "shipmethod"}

// indexes keep the usual look-ups fast.
var indexes = []string{
	`CREATE INDEX tx_external ON "transaction" (externalid)`,
	`CREATE INDEX tx_external_lower ON "transaction" (ns_lower(externalid))`,
	`CREATE INDEX tx_id ON "transaction" (id)`,
	`CREATE INDEX tx_modified ON "transaction" (lastmodifieddate)`,
	`CREATE INDEX line_tx ON transactionline ("transaction")`,
	`CREATE INDEX link_previous ON previoustransactionlinelink (previousdoc)`,
	`CREATE INDEX link_next ON previoustransactionlinelink (nextdoc)`,
	`CREATE INDEX customer_external ON customer (externalid)`,
	`CREATE INDEX customer_external_lower ON customer (ns_lower(externalid))`,
	`CREATE INDEX customer_email ON customer (email)`,
	`CREATE INDEX customer_email_lower ON customer (ns_lower(email))`,
	`CREATE INDEX item_itemid ON item (itemid)`,
	`CREATE INDEX item_itemid_lower ON item (ns_lower(itemid))`,
	`CREATE INDEX item_id ON item (id)`,
	`CREATE INDEX stock_item ON aggregateitemlocation (item)`,
}

// views are tables that hold nothing of their own.
var views = []string{
	`CREATE VIEW taxcode AS SELECT * FROM salestaxitem`,
	`CREATE VIEW inventoryitemlocations AS SELECT * FROM aggregateitemlocation`,
	`CREATE VIEW nexttransactionlinelink AS SELECT * FROM previoustransactionlinelink`,
	`CREATE VIEW previoustransactionlink AS SELECT previousdoc, nextdoc, linktype, previoustype, nexttype, previousdate, nextdate,
		SUM(foreignamount) AS foreignamount FROM previoustransactionlinelink GROUP BY previousdoc, nextdoc, linktype`,
	`CREATE VIEW nexttransactionlink AS SELECT * FROM previoustransactionlink`,
}

// table is one SuiteQL table.
type table struct {
	name    string
	columns []string // with the hidden ones: owner__ and x__df
	types   map[string]string
}

// newTable reads a table's columns from their words.
func newTable(name, words string, custom []string) *table {
	t := &table{name: name, types: map[string]string{}}
	add := func(column, kind string) {
		t.columns = append(t.columns, column)
		t.types[column] = kind
	}
	add("owner__", "INTEGER")
	for _, word := range slices.Concat(strings.Fields(words), custom) {
		kind := map[byte]string{'#': "INTEGER", '$': "NUMERIC", '@': "TEXTDATE"}[word[len(word)-1]]
		column := strings.TrimRight(word, "#$@")
		add(column, or(kind, "TEXT"))
		if slices.Contains(displayed, column) {
			add(column+"__df", "TEXT")
		}
		if column == "status" {
			add("status__cf", "TEXT")
		}
	}
	return t
}

func (t *table) create() string {
	parts := make([]string, len(t.columns))
	for i, column := range t.columns {
		parts[i] = strconv.Quote(column) + " " + t.types[column]
	}
	return fmt.Sprintf("CREATE TABLE %q (%s); CREATE INDEX %q ON %q (owner__)", t.name, strings.Join(parts, ", "), "own_"+t.name, t.name)
}

func (t *table) insert() string {
	marks := strings.TrimSuffix(strings.Repeat("?, ", len(t.columns)), ", ")
	return fmt.Sprintf("INSERT INTO %q VALUES (%s)", t.name, marks)
}

// customColumns are the declared custom fields of a table.
func customColumns(name string, custom []CustomField) []string {
	prefix := map[string]string{"transaction": "custbody", "transactionline": "custcol", "customer": "custentity"}[name]
	var out []string
	for _, f := range custom {
		if prefix != "" && strings.HasPrefix(f.Name, prefix) {
			out = append(out, strings.ToLower(f.Name))
		}
	}
	return out
}
