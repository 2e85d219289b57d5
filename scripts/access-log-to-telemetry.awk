# The web log of the ordering application as driver data: a line for each request that did work, with its customer and
# plan. Equal times and keys add up when it is loaded.
#
#   gzip -dc access-log.gz | awk -f scripts/access-log-to-telemetry.awk > work.csv
#
# 127.0.0.1 - - [26/Nov/2019:00:00:04 +0000] "GET /index.html?name=William,user=paid,work=68 HTTP/1.1" 200 91 "-" "Ruby"

BEGIN { print "time,customer,plan,units" }

match($7, /name=[^,]+,user=[^,]+,work=[0-9.]+$/) {
  split(substr($7, RSTART), pair, /[=,]/)
  split(substr($4, 2), at, /[\/:]/)
  month = (index("JanFebMarAprMayJunJulAugSepOctNovDec", at[2]) + 2) / 3
  zone = substr($5, 1, 3) ":" substr($5, 4, 2)
  printf "%s-%02d-%sT%s:%s:%s%s,%s,%s,%s\n", at[3], month, at[1], at[4], at[5], at[6], zone, pair[2], pair[4], pair[6]
}
