\set user random(1, 1000000000000000)
\set resource random_zipfian(1, 50, 1.05)
\set connection random(1, 1000000000000000)
\set ticket random(1, 1000000000000000)
